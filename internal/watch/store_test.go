package watch_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"

	"example.com/todo-backend/internal/todo"
	"example.com/todo-backend/internal/watch"
)

// store has accounts whose todos change. It stands for the database of all processes.
type store struct {
	mu        sync.Mutex
	epoch     int32
	changes   map[todo.UserID][]todo.Todo // By their revisions.
	reads     int
	polls     [][]todo.UserID
	readErr   error
	pollErr   error
	pollHang  bool
	pollPanic bool
}

// change adds a change of an owner's todos, as another process makes it.
func (s *store) change(owner todo.UserID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changes == nil {
		s.changes = make(map[todo.UserID][]todo.Todo)
	}
	revision := int64(len(s.changes[owner]) + 1)
	s.changes[owner] = append(s.changes[owner], todo.Todo{ID: todo.ID{byte(revision)}, Revision: revision})
}

// fail has reads and polls fail; nil has them work.
func (s *store) fail(readErr, pollErr error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readErr, s.pollErr = readErr, pollErr
}

// restore gives all accounts another epoch.
func (s *store) restore() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
}

// counts returns how many reads and polls there were.
func (s *store) counts() (reads, polls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads, len(s.polls)
}

// Changes is a [watch.Reader].
func (s *store) Changes(_ context.Context, owner todo.UserID, after *todo.SyncPosition, size int) (todo.Changes, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.readErr != nil {
		return todo.Changes{}, s.readErr
	}
	all := s.changes[owner]
	page := todo.Changes{IsReset: after != nil && after.Epoch != s.epoch}
	from := int64(0)
	if after != nil && !page.IsReset {
		from = after.Revision
	}
	page.Todos = all[from:min(int(from)+size, len(all))]
	page.HasMore = int(from)+len(page.Todos) < len(all)
	page.Next = todo.SyncPosition{Epoch: s.epoch, Revision: from + int64(len(page.Todos))}
	return page, nil
}

// Heads is that of a [watch.Config].
func (s *store) Heads(ctx context.Context, owners []todo.UserID) (map[todo.UserID]todo.Head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.polls = append(s.polls, owners)
	if s.pollPanic {
		panic("a defect")
	}
	if s.pollHang {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if s.pollErr != nil {
		return nil, s.pollErr
	}
	heads := make(map[todo.UserID]todo.Head)
	for _, owner := range owners {
		heads[owner] = todo.Head{Epoch: s.epoch, Revision: int64(len(s.changes[owner]))}
	}
	return heads, nil
}

// hub returns a hub on the store, with the usual bounds, and its log.
func (s *store) hub(t testing.TB) (*watch.Hub, *bytes.Buffer) {
	t.Helper()
	log := new(bytes.Buffer)
	hub := watch.NewHub(watch.Config{
		Heads: s.Heads, MaxPerUser: 10, Max: 10_000,
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	t.Cleanup(hub.Close)
	return hub, log
}

// pageSize is that of the tests' feeds.
const pageSize = 3

// feed opens a feed that has read its first page.
func (s *store) feed(t testing.TB, hub *watch.Hub, owner todo.UserID) *watch.Feed {
	t.Helper()
	feed, err := hub.Open(owner, nil, pageSize, s.Changes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(feed.Close)
	if _, err := feed.First(t.Context()); err != nil {
		t.Fatal(err)
	}
	return feed
}

// next returns how many todos the next page has.
func next(t testing.TB, feed *watch.Feed) int {
	t.Helper()
	page, err := feed.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return len(page.Todos)
}

func user(t testing.TB, name string) todo.UserID {
	t.Helper()
	id, err := todo.ParseUserID(name)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// watched returns a store, a hub on it, an owner, and a feed of theirs that has read all.
func watched(t *testing.T) (*store, *watch.Hub, todo.UserID, *watch.Feed) {
	t.Helper()
	store := new(store)
	hub, _ := store.hub(t)
	alice := user(t, "alice")
	return store, hub, alice, store.feed(t, hub, alice)
}
