package main

import (
	"strconv"
	"testing"
	"time"

	"connectrpc.com/connect"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"example.com/todo-backend/internal/auth/authtest"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// watching is an open stream of changes.
type watching struct {
	*connect.ServerStreamForClient[todov1.WatchTodosResponse]
}

// startWatch opens a stream, after its first message.
func startWatch(t *testing.T, client todov1connect.TodoServiceClient, token string) (watching, *todov1.WatchTodosResponse) {
	t.Helper()
	stream, err := client.WatchTodos(t.Context(), &todov1.WatchTodosRequest{SyncToken: token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stream.Close() })
	w := watching{stream}
	return w, w.next(t)
}

// next returns the next message.
func (w watching) next(t *testing.T) *todov1.WatchTodosResponse {
	t.Helper()
	if !w.Receive() {
		t.Fatalf("the stream ended: %v", w.Err())
	}
	return w.Msg()
}

// titles returns what the todos of a message are about.
func titles(msg *todov1.WatchTodosResponse) []string {
	var titles []string
	for _, todo := range msg.GetTodos() {
		titles = append(titles, todo.GetTitle())
	}
	return titles
}

// TestAWatchTellsOfOnesOwnChangesInEveryProcess has two processes on one database. Alice
// watches at both and makes changes at one, and bob watches.
func TestAWatchTellsOfOnesOwnChangesInEveryProcess(t *testing.T) {
	t.Parallel()
	database := pgtest.NewDatabase(t)
	here, there := start(t, map[string]string{"DATABASE_URL": database}), start(t, map[string]string{"DATABASE_URL": database})
	eachWay(t, func(t *testing.T, way string) {
		client := func(s *service, user string) todov1connect.TodoServiceClient {
			client, _ := s.client(t, way, s.issuer.Token(user+" "+way))
			return client
		}
		alice := client(here, "alice")
		near, _ := startWatch(t, alice, "")
		far, _ := startWatch(t, client(there, "alice"), "")
		bobs, _ := startWatch(t, client(there, "bob"), "")
		made, err := alice.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "hers"})
		if err != nil {
			t.Fatal(err)
		}
		for name, stream := range map[string]watching{"near": near, "far": far} {
			if msg := stream.next(t); len(msg.GetTodos()) != 1 || msg.GetTodos()[0].GetId() != made.GetId() || msg.GetReset_() {
				t.Errorf("%s: %v", name, msg)
			}
		}
		if _, err := alice.DeleteTodo(t.Context(), &todov1.DeleteTodoRequest{Id: made.GetId()}); err != nil {
			t.Fatal(err)
		}
		var token string
		for name, stream := range map[string]watching{"near": near, "far": far} {
			msg := stream.next(t)
			if len(msg.GetTodos()) != 1 || msg.GetTodos()[0].GetDeletedAt() == nil {
				t.Errorf("%s: %v", name, msg)
			}
			token = msg.GetNextSyncToken()
		}
		if _, err := client(here, "bob").CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "his"}); err != nil {
			t.Fatal(err)
		}
		if got := titles(bobs.next(t)); len(got) != 1 || got[0] != "his" {
			t.Errorf("bob is told of %v", got)
		}
		if _, first := startWatch(t, client(there, "alice"), token); len(first.GetTodos()) != 0 || first.GetReset_() {
			t.Errorf("a stream that continues begins with %v", first)
		}
	})
}

// TestASyncThatWaitsIsAnsweredByAChange makes it in another process.
func TestASyncThatWaitsIsAnsweredByAChange(t *testing.T) {
	t.Parallel()
	database := pgtest.NewDatabase(t)
	here, there := start(t, map[string]string{"DATABASE_URL": database}), start(t, map[string]string{"DATABASE_URL": database})
	eachWay(t, func(t *testing.T, way string) {
		alice, _ := here.client(t, way, here.issuer.Token(way))
		begun, err := alice.SyncTodos(t.Context(), &todov1.SyncTodosRequest{WaitSeconds: 25}) // The first does not wait.
		if err != nil || len(begun.GetTodos()) != 0 {
			t.Fatalf("%v, %v", begun, err)
		}
		result := make(chan *todov1.SyncTodosResponse, 1)
		go func() {
			res, err := alice.SyncTodos(t.Context(), &todov1.SyncTodosRequest{SyncToken: begun.GetNextSyncToken(), WaitSeconds: 25})
			if err != nil {
				t.Error(err)
			}
			result <- res
		}()
		other, _ := there.client(t, way, there.issuer.Token(way))
		if _, err := other.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "elsewhere"}); err != nil {
			t.Fatal(err)
		}
		if res := <-result; len(res.GetTodos()) != 1 || res.GetTodos()[0].GetTitle() != "elsewhere" {
			t.Errorf("%v", res)
		}
	})
}

// TestAWatchEndsWithItsToken is about a token that is past its exp and within the leeway.
func TestAWatchEndsWithItsToken(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const leeway = 30 * time.Second
	eachWay(t, func(t *testing.T, way string) {
		for life := 3 * time.Second; !endsWithItsToken(t, s, way, time.Now().Add(life-leeway)); life *= 2 {
			if life > leeway/4 { // A heartbeat comes after 20 seconds.
				t.Fatalf("no message comes while a token lives for %v", life)
			}
		}
	})
}

// endsWithItsToken opens a stream and reads it to its end, which the token's exp and
// nothing else has to bring. It reports false when that came before the first message.
func endsWithItsToken(t *testing.T, s *service, way string, exp time.Time) bool {
	t.Helper()
	client, _ := s.client(t, way, s.issuer.Token("u", authtest.With("exp", exp.Unix())))
	stream, err := client.WatchTodos(t.Context(), &todov1.WatchTodosRequest{})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	began := stream.Receive()
	for began && stream.Receive() {
		t.Errorf("a message comes: %v", stream.Msg())
	}
	checkCode(t, "a stream whose token expires", stream.Err(), connect.CodeUnauthenticated)
	return began
}

// TestADrainEndsWatchesAndAnswersWhoWaits drains when all of them wait.
func TestADrainEndsWatchesAndAnswersWhoWaits(t *testing.T) {
	t.Parallel()
	s, admin := startMeasured(t, nil)
	var streams []watching
	waited := make(chan error, len(ways()))
	for _, way := range ways() {
		client, _ := s.client(t, way, s.issuer.Token(way))
		stream, first := startWatch(t, client, "")
		streams = append(streams, stream)
		go func() {
			_, err := client.SyncTodos(t.Context(), &todov1.SyncTodosRequest{SyncToken: first.GetNextSyncToken(), WaitSeconds: 25})
			waited <- err
		}()
	}
	for want := strconv.Itoa(2 * len(ways())); value(s.scrape(t, admin), "todod_watches", "todod_watches") != want; {
		if len(waited) > 0 {
			t.Fatalf("a call does not wait: %v", <-waited)
		}
	}
	s.stop()
	for _, stream := range streams {
		for stream.Receive() {
			t.Errorf("a message comes: %v", stream.Msg())
		}
		checkCode(t, "a stream at the drain", stream.Err(), connect.CodeUnavailable)
	}
	for range ways() {
		if err := <-waited; err != nil {
			t.Errorf("a call that waits at the drain: %v", err)
		}
	}
	s.checkEnded(t)
}

func TestTheSettingsBoundWatches(t *testing.T) {
	t.Parallel()
	for name, setting := range map[string]string{"of a user": "WATCHES_PER_USER", "of all": "WATCHES"} {
		s := start(t, map[string]string{setting: "1"})
		client, _ := s.client(t, "gRPC", s.issuer.Token("u"))
		startWatch(t, client, "")
		_, err := client.SyncTodos(t.Context(), &todov1.SyncTodosRequest{WaitSeconds: 1})
		checkCode(t, name, err, connect.CodeResourceExhausted)
	}
}

func TestWithoutATrashNobodyWatches(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"TRASH_RETENTION": "0"})
	eachWay(t, func(t *testing.T, way string) {
		client, _ := s.client(t, way, s.issuer.Token(way))
		stream, err := client.WatchTodos(t.Context(), &todov1.WatchTodosRequest{})
		if err == nil {
			stream.Receive()
			err = stream.Err()
			_ = stream.Close()
		}
		checkCode(t, "a watch", err, connect.CodeUnimplemented)
		_, err = client.SyncTodos(t.Context(), &todov1.SyncTodosRequest{WaitSeconds: 25})
		checkCode(t, "a sync", err, connect.CodeUnimplemented)
		_, err = client.EmptyTrash(t.Context(), &todov1.EmptyTrashRequest{})
		checkCode(t, "an empty trash", err, connect.CodeUnimplemented)
	})
}

// TestMetricsCountWatches opens streams of two users.
func TestMetricsCountWatches(t *testing.T) {
	t.Parallel()
	s, admin := startMeasured(t, nil)
	for _, user := range []string{"alice", "alice", "bob"} {
		client, _ := s.client(t, "gRPC", s.issuer.Token(user))
		startWatch(t, client, "")
	}
	for {
		got := s.scrape(t, admin)
		watches, users := value(got, "todod_watches", "todod_watches"), value(got, "todod_watched_users", "todod_watched_users")
		if watches != "3" || users != "2" {
			t.Fatalf("%q watches of %q users, want 3 of 2", watches, users)
		}
		if value(got, "todod_watch_polls_total", "todod_watch_polls_total") != "0" {
			break
		}
	}
}
