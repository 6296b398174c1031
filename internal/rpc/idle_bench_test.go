package rpc

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	todobackend "example.com/todo-backend"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"example.com/todo-backend/internal/server"
	"example.com/todo-backend/internal/todo"
	"example.com/todo-backend/internal/watch"
)

// BenchmarkIdleWatches opens thousands of streams to the whole server, but for the database and
// the verification of tokens, and measures what they take while nothing changes: memory
// per stream, and CPU for heartbeats and polls, in percent of a core. The client is in the
// same process and so part of it, but it keeps nothing per stream.
//
//	go test ./internal/rpc -run '^$' -bench IdleWatches -benchtime 1x
func BenchmarkIdleWatches(b *testing.B) {
	const perUser = 10
	for _, bench := range []struct {
		name    string
		streams int
		perConn int
		open    func(b *testing.B, address string, first, n int)
	}{
		{"HTTP2", 10_000, 100, openHTTP2Watches},
		// Each has a connection with two ends in this process, of which there may be 20,000.
		{"HTTP1", 9_000, 1, openHTTP1Watches},
	} {
		b.Run(bench.name, func(b *testing.B) {
			streams := bench.streams
			for b.Loop() {
				store := new(changesStore)
				hub := watch.NewHub(watch.Config{Heads: store.heads, MaxPerUser: perUser, Max: streams, Logger: jsonToNowhere()})
				handler, err := New(Config{
					Todos: todo.NewService(store, hub), Watches: hub, Authenticator: names{life: time.Hour}, OpenAPI: todobackend.OpenAPI,
					Server: server.Config{
						Ping: func(context.Context) error { return nil }, Logger: jsonToNowhere(), Origins: []string{"http://localhost:5173"},
						MaxConnections: 2 * streams, KeepAlive: time.Minute,
					},
				})
				if err != nil {
					b.Fatal(err)
				}
				listener, err := server.Listen(b.Context(), "127.0.0.1:0")
				if err != nil {
					b.Fatal(err)
				}
				served := make(chan error, 1)
				go func() { served <- handler.Serve(listener) }()

				before := memory()
				for first := 0; first < streams; first += bench.perConn {
					bench.open(b, listener.Addr().String(), first/perUser, bench.perConn)
				}
				for hub.Stats().Open < streams {
					<-time.After(10 * time.Millisecond)
				}
				<-time.After(5 * time.Second) // The first messages have been sent.
				b.ReportMetric(float64(memory()-before)/float64(streams), "B/stream")
				const idle = 40 * time.Second
				cpu := cpuTime()
				<-time.After(idle)
				b.ReportMetric(100*float64(cpuTime()-cpu)/float64(idle), "%core")
				b.ReportMetric(float64(residentBytes(b))/float64(streams), "RSS-B/stream")

				if err := handler.Drain(0); err != nil {
					b.Error(err)
				}
				handler.Close()
				hub.Close()
				if err := <-served; err != nil {
					b.Error(err)
				}
			}
		})
	}
}

// memory returns the bytes of heap and stacks in use.
func memory() uint64 {
	runtime.GC()
	runtime.GC() // What pools held goes at the second.
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc + stats.StackInuse
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func residentBytes(b *testing.B) int {
	b.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		b.Fatal(err)
	}
	return resident * os.Getpagesize()
}

// openHTTP2Watches opens n streams on one connection, ten of each user from a first one
// on, and reads what comes.
func openHTTP2Watches(b *testing.B, address string, user, n int) {
	b.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	_, _ = io.WriteString(conn, http2.ClientPreface)
	framer := http2.NewFramer(conn, conn)
	_ = framer.WriteSettings()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for i := range n {
		block.Reset()
		for _, field := range [][2]string{
			{":method", "POST"},
			{":scheme", "http"},
			{":path", todov1connect.TodoServiceWatchTodosProcedure},
			{":authority", address},
			{"content-type", "application/connect+proto"},
			{"authorization", fmt.Sprint("Bearer user", user+i/10)},
		} {
			_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
		}
		id := uint32(2*i + 1)
		_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true})
		if err := framer.WriteData(id, true, []byte(envelope(""))); err != nil {
			b.Fatal(err)
		}
	}
	go func() {
		for {
			frame, err := framer.ReadFrame()
			if err != nil {
				return
			}
			if ping, ok := frame.(*http2.PingFrame); ok && !ping.IsAck() {
				_ = framer.WritePing(true, ping.Data)
			}
		}
	}()
}

// openHTTP1Watches opens one stream on a connection of its own. Nobody reads it: what a
// quiet stream sends fits into the socket.
func openHTTP1Watches(b *testing.B, address string, user, _ int) {
	b.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	body := envelope("")
	request := strings.Join([]string{
		"POST " + todov1connect.TodoServiceWatchTodosProcedure + " HTTP/1.1", "Host: " + address, "Content-Type: application/connect+proto",
		fmt.Sprint("Authorization: Bearer user", user), fmt.Sprint("Content-Length: ", len(body)), "", body,
	}, "\r\n")
	if _, err := io.WriteString(conn, request); err != nil {
		b.Fatal(err)
	}
	if _, err := bufio.NewReaderSize(conn, 16).ReadByte(); err != nil {
		b.Fatal(err)
	}
}
