package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// stuck is a log's reader that takes nothing until it is freed.
type stuck struct {
	begun chan struct{} // Holds one once a write has begun.
	free  chan struct{}
	mu    sync.Mutex
	text  bytes.Buffer
}

func newStuck() *stuck { return &stuck{begun: make(chan struct{}, 1), free: make(chan struct{})} }

func (s *stuck) Write(p []byte) (int, error) {
	select {
	case s.begun <- struct{}{}:
	default:
	}
	<-s.free
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func TestAReaderOfTheLogThatStopsHoldsUpNobodyAndMissesCountedLines(t *testing.T) {
	t.Parallel()
	const lines = 3 * logBufferBytes / 100
	reader := newStuck()
	log := newLogWriter(reader)
	for i := range lines {
		if i == 1 {
			<-reader.begun // The first line is being written.
		}
		fmt.Fprintf(log, "%099d\n", i) // It would hang here.
	}
	log.mu.Lock()
	if got := len(log.gathered); got > logBufferBytes {
		t.Errorf("%d bytes wait", got)
	}
	log.mu.Unlock()
	close(reader.free)
	fmt.Fprintln(log, "the last")
	log.close()

	numbered, missing := 0, 0
	for text := range strings.Lines(reader.text.String()) {
		var line struct {
			Level, Msg string
			Lines      int
		}
		switch {
		case json.Unmarshal([]byte(text), &line) == nil && line.Msg == "log lines dropped" && line.Level == "WARN":
			missing += line.Lines
		case text == fmt.Sprintf("%099d\n", numbered):
			numbered++ // Those that are there are so from the first on.
		}
	}
	// Whether the last one came before there was room again is open.
	if want := lines - numbered; missing != want && missing != want+1 || numbered != 1+logBufferBytes/100 {
		t.Errorf("of %d lines %d are there, and %d are said to be dropped", lines, numbered, missing)
	}
}

func TestLinesThatGatherAreWrittenAtOnce(t *testing.T) {
	t.Parallel()
	out, in := io.Pipe() // One read takes at most one write.
	log := newLogWriter(in)
	fmt.Fprintln(log, "first")
	buffer := make([]byte, 1<<16)
	if n, err := io.ReadFull(out, buffer[:1]); err != nil || n != 1 { // It is being written.
		t.Fatal(err)
	}
	for range 1000 {
		fmt.Fprintln(log, "more")
	}
	if n, err := out.Read(buffer); err != nil || string(buffer[:n]) != "irst\n" {
		t.Fatalf("%q %v", buffer[:n], err)
	}
	if n, err := out.Read(buffer); err != nil || n != 1000*len("more\n") {
		t.Errorf("%d bytes, %v", n, err)
	}
	log.close()
}

// failing fails as often as it is told, after it has taken a byte.
type failing struct {
	times int
	text  bytes.Buffer
}

func (f *failing) Write(p []byte) (int, error) {
	if f.times > 0 {
		f.times--
		n, _ := f.text.Write(p[:1])
		return n, errors.New("no space left on device")
	}
	return f.text.Write(p)
}

func TestAWriteThatFailsIsTriedAgainAndLosesNoByte(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &failing{times: 3}
		log := newLogWriter(out)
		fmt.Fprintln(log, "a line")
		time.Sleep(4 * logRetryPause)
		fmt.Fprintln(log, "another")
		log.close()
		if got := out.text.String(); got != "a line\nanother\n" {
			t.Errorf("%q", got)
		}
	})
}

func TestTheEndWaitsForTheLogsReaderForASecond(t *testing.T) {
	t.Parallel()
	ends := func(t *testing.T, out io.Writer) (took time.Duration) {
		t.Helper()
		log := newLogWriter(out)
		fmt.Fprintln(log, "a line")
		synctest.Wait() // It is being written.
		began := time.Now()
		log.close()
		return time.Since(began)
	}
	synctest.Test(t, func(t *testing.T) {
		reader := newStuck()
		defer close(reader.free)
		if took := ends(t, reader); took != logFlushTimeout {
			t.Errorf("the end took %v with a reader that stopped", took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		if took := ends(t, &failing{times: 1 << 20}); took != 0 {
			t.Errorf("the end took %v with a reader that died", took)
		}
	})
}

// BenchmarkLogWriter compares a line that is written at once with one that is
// written in the background, to a pipe as a container's log is.
func BenchmarkLogWriter(b *testing.B) {
	line := []byte(strings.Repeat("x", 299) + "\n")
	for _, background := range []bool{false, true} {
		name := "at once"
		if background {
			name = "in the background"
		}
		b.Run(name, func(b *testing.B) {
			out, in, err := os.Pipe()
			if err != nil {
				b.Fatal(err)
			}
			defer in.Close()
			go func() { _, _ = io.Copy(io.Discard, bufio.NewReaderSize(out, 1<<16)) }()
			var log io.Writer = in
			if background {
				w := newLogWriter(in)
				defer w.close()
				log = w
			}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = log.Write(line)
			}
		})
	}
}
