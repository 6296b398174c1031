package rpc

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	todobackend "example.com/todo-backend"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"example.com/todo-backend/internal/auth"
	"example.com/todo-backend/internal/server"
	"example.com/todo-backend/internal/todo"
	"example.com/todo-backend/internal/watch"
)

// changesStore keeps the changes of each owner's todos.
type changesStore struct {
	hollowStore

	mu      sync.Mutex
	changes map[todo.UserID][]todo.Todo
	err     error // That reads fail with; nil for none.
}

func (s *changesStore) CreateTodo(_ context.Context, owner todo.UserID, draft todo.Draft) (todo.Todo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := time.UnixMicro(1)
	created := todo.Todo{ID: *draft.ID, Title: draft.Title, CreatedAt: at, UpdatedAt: at, Revision: int64(len(s.changes[owner]) + 1)}
	if s.changes == nil {
		s.changes = make(map[todo.UserID][]todo.Todo)
	}
	s.changes[owner] = append(s.changes[owner], created)
	return created, nil
}

// ListChanges has the epoch 7. A position of another one begins anew.
func (s *changesStore) ListChanges(_ context.Context, owner todo.UserID, after *todo.SyncPosition, size int) (todo.Changes, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return todo.Changes{}, s.err
	}
	const epoch = 7
	all := s.changes[owner]
	page := todo.Changes{IsReset: after != nil && after.Epoch != epoch}
	from := 0
	if after != nil && !page.IsReset {
		from = int(after.Revision)
	}
	page.Todos = slices.Clone(all[from:min(from+size, len(all))])
	page.HasMore = from+len(page.Todos) < len(all)
	page.Next = todo.SyncPosition{Epoch: epoch, Revision: int64(from + len(page.Todos)), Start: int64(len(all))}
	return page, nil
}

// heads is for a hub: in these tests no other process changes anything.
func (s *changesStore) heads(_ context.Context, owners []todo.UserID) (map[todo.UserID]todo.Head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	heads := make(map[todo.UserID]todo.Head)
	for _, owner := range owners {
		heads[owner] = todo.Head{Epoch: 7, Revision: int64(len(s.changes[owner]))}
	}
	return heads, nil
}

// names is an Authenticator that takes a token for the name of its user.
type names struct {
	life time.Duration // Of each token; 0 for ever.
}

func (n names) Verify(_ context.Context, token string) (auth.Identity, error) {
	user, err := todo.ParseUserID(token)
	identity := auth.Identity{User: user}
	if n.life > 0 {
		identity.Expires = time.Now().Add(n.life)
	}
	return identity, err
}

// changesService is the API above a changesStore.
type changesService struct {
	*server.Server
	store *changesStore
	hub   *watch.Hub
	log   *lockedLog
}

// newChangesService returns one with room for two watches of a user and three in all.
func newChangesService(t *testing.T, authenticator Authenticator) *changesService {
	t.Helper()
	return newLimitedService(t, authenticator, 0)
}

// newLimitedService returns the same with a rate limit.
func newLimitedService(t *testing.T, authenticator Authenticator, rateLimit int) *changesService {
	t.Helper()
	s := &changesService{store: new(changesStore), log: new(lockedLog)}
	logger := slog.New(slog.NewJSONHandler(s.log, nil))
	s.hub = watch.NewHub(watch.Config{Heads: s.store.heads, MaxPerUser: 2, Max: 3, Logger: logger})
	t.Cleanup(s.hub.Close)
	handler, err := New(Config{
		Todos: todo.NewService(s.store, s.hub), Watches: s.hub, Authenticator: authenticator, OpenAPI: todobackend.OpenAPI,
		Server: server.Config{Ping: func(context.Context) error { return nil }, Logger: logger, Origins: []string{"http://localhost:5173"}, RateLimit: rateLimit},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(handler.Close)
	s.Server = handler
	return s
}

// protocol is one that clients speak.
type protocol struct {
	name    string
	http2   bool
	options []connect.ClientOption
}

func protocols() []protocol {
	return []protocol{
		{"Connect with JSON over HTTP/1.1", false, []connect.ClientOption{connect.WithProtoJSON()}},
		{"Connect over HTTP/2", true, nil},
		{"gRPC", true, []connect.ClientOption{connect.WithGRPC()}},
		{"gRPC-Web over HTTP/1.1", false, []connect.ClientOption{connect.WithGRPCWeb()}},
	}
}

// start serves the API, and returns its address.
func (s *changesService) start(t *testing.T) (url string) {
	t.Helper()
	served := httptest.NewUnstartedServer(s)
	served.Config.Protocols = new(http.Protocols)
	served.Config.Protocols.SetHTTP1(true)
	served.Config.Protocols.SetUnencryptedHTTP2(true)
	served.Start()
	t.Cleanup(served.Close)
	return served.URL
}

// client returns a client of a user.
func (p protocol) client(t *testing.T, url, user string) todov1connect.TodoServiceClient {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!p.http2)
	transport.Protocols.SetUnencryptedHTTP2(p.http2)
	t.Cleanup(transport.CloseIdleConnections)
	return todov1connect.NewTodoServiceClient(&http.Client{Transport: as{user, transport}}, url, p.options...)
}

// as sends requests as a user.
type as struct {
	user string
	next http.RoundTripper
}

func (a as) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+a.user)
	return a.next.RoundTrip(r)
}

// line is the last line of the log about a procedure.
func (l *lockedLog) line(t *testing.T, procedure string) (found struct {
	Level, Code, Ended, Reason string
	Messages                   *int
},
) {
	t.Helper()
	for text := range strings.Lines(l.take()) {
		if strings.Contains(text, procedure) {
			if err := json.Unmarshal([]byte(text), &found); err != nil {
				t.Fatal(err)
			}
		}
	}
	return found
}
