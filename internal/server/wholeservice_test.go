package server

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
)

const watchPath = "/grpc.health.v1.Health/Watch"

// wholeService is everything on a port, above a service that answers at once.
type wholeService struct {
	*httptest.Server
	handler *Server
	token   string
	log     *lineLog
}

func startWhole(t *testing.T) *wholeService {
	t.Helper()
	log := &lineLog{grown: make(chan struct{})}
	cfg := testConfig()
	cfg.Logger = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cfg.Reflection = true
	handler := newTodoServer(t, cfg)
	return &wholeService{Server: startServer(t, handler).Server, handler: handler, token: "u", log: log}
}

// dial returns a connection to the service.
func (s *wholeService) dial(t *testing.T) *net.TCPConn {
	t.Helper()
	address, err := net.ResolveTCPAddr("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialTCP("tcp", nil, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// envelope is a message in its envelope, which may lie.
func envelope(flags byte, announced int, message string) string {
	return string(binary.BigEndian.AppendUint32([]byte{flags}, uint32(announced))) + message
}

// checkAnswer checks that an answer in any protocol has a code and a text.
func checkAnswer(t *testing.T, what, answer, code, text string) {
	t.Helper()
	var status connect.Code
	if err := status.UnmarshalText([]byte(code)); err != nil {
		t.Fatal(err)
	}
	inJSON := strings.Contains(answer, `"code":"`+code+`"`) && strings.Contains(answer, `"message":"`+text+`"`)
	inGRPC := strings.Contains(answer, fmt.Sprintf("Grpc-Status: %d\r\n", status)) && strings.Contains(answer, "Grpc-Message: "+text+"\r\n")
	if !inJSON && !inGRPC {
		t.Errorf("%s: %q, want %s: %s", what, answer, code, text)
	}
}

// lineLog keeps the lines of a log.
type lineLog struct {
	mu    sync.Mutex
	lines []logLine
	grown chan struct{} // Closed, and made anew, at each line.
}

type logLine struct {
	Protocol, Reason string

	Level, Path, Code, Ended, Cause string
	Messages                        *int // nil unless it is of a stream.
}

func (l *lineLog) Write(p []byte) (int, error) {
	var line logLine
	if err := json.Unmarshal(p, &line); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	close(l.grown)
	l.grown = make(chan struct{})
	return len(p), nil
}

// next returns a line as soon as there is one, and forgets it.
func (l *lineLog) next(t *testing.T) logLine {
	t.Helper()
	timeout := time.After(testTimeout)
	for {
		l.mu.Lock()
		if len(l.lines) > 0 {
			line := l.lines[0]
			l.lines = l.lines[1:]
			l.mu.Unlock()
			return line
		}
		grown := l.grown
		l.mu.Unlock()
		select {
		case <-grown:
		case <-timeout:
			t.Fatal("no log line came")
		}
	}
}

// checkEmpty checks that there was no line but those that were asked for.
func (l *lineLog) checkEmpty(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) > 0 {
		t.Errorf("there are further log lines: %+v", l.lines)
	}
}
