package main

import (
	"strings"
	"sync"
	"testing"
	"time"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/postgres/pgtest"
)

func TestADrainAnswersWhatIsInFlight(t *testing.T) {
	t.Parallel()
	database := pgtest.NewDatabase(t)
	s := start(t, map[string]string{"DATABASE_URL": database})
	unlock := pgtest.LockTable(t, database, "todo")

	var calls sync.WaitGroup
	for _, way := range ways() {
		client, _ := s.client(t, way, s.issuer.Token(way)) // One user has half of the connections.
		calls.Go(func() {
			if _, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: way}); err != nil {
				t.Errorf("%s: %v", way, err)
			}
		})
	}
	pgtest.WaitForLocked(t, database, len(ways()))
	s.stop()
	s.logs.wait(t, func(line logLine) bool { return line["msg"] == "draining" }, nil)
	unlock()
	calls.Wait()
	s.checkEnded(t)
}

func TestADrainEndsStreams(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	stream := s.reflection(t)
	if _, err := stream.ListServices(); err != nil { // The stream is open now.
		t.Fatal(err)
	}
	s.stop()
	s.checkEnded(t)
}

func TestADrainIsSeenBeforeTheListenerCloses(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"SHUTDOWN_DELAY": "5"})
	if res := s.do(t, "GET", "/readyz", ""); res.status != 200 {
		t.Fatalf("before: %d %s", res.status, res.body)
	}
	s.stop()
	s.logs.wait(t, func(line logLine) bool { return line["msg"] == "draining" }, nil)
	res := s.do(t, "GET", "/readyz", "")
	if res.status != 503 || !strings.Contains(res.body, `"status":"unavailable","database":"ok"`) {
		t.Errorf("/readyz while draining: %d %s", res.status, res.body)
	}
	if status := s.grpcHealth(t, ""); status != "NOT_SERVING" {
		t.Errorf("grpc health while draining: %s", status)
	}
	if res := s.do(t, "GET", "/api/todos", "", s.bearer("u")...); res.status != 200 {
		t.Errorf("a call while draining: %d %s", res.status, res.body)
	}
	s.checkEnded(t)
}

// checkEnded checks that run returns, without an error.
func (s *service) checkEnded(t *testing.T) {
	t.Helper()
	select {
	case err := <-s.done:
		if err != nil {
			t.Errorf("run: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("todod did not end")
	}
}
