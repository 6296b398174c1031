package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"example.com/todo-backend/internal/postgres/pgtest"
)

var modelSeed = flag.Uint64("model.seed", 0, "seed of the operations of TestTheServiceAgreesWithAModel; 0 for a new one")

const (
	modelUsers      = 50
	modelRounds     = 20
	modelOperations = 10 // Of each user in a round: 10,000 in all.
)

// TestTheServiceAgreesWithAModel has 50 users do 10,000 random operations at
// once, over all ways to call, and compares each answer with what a model in
// memory says. Users also try what the others were seen to have: ids, etags
// and page tokens.
//
// Each user's operations follow from the seed. What users know of one another
// is exchanged between rounds, so that it doesn't depend on who is faster.
func TestTheServiceAgreesWithAModel(t *testing.T) {
	t.Parallel()
	seed := cmp.Or(*modelSeed, rand.Uint64())
	t.Logf("to repeat: go test ./cmd/todod -run %s -model.seed %d", t.Name(), seed)
	database := pgtest.NewDatabase(t)
	s := start(t, map[string]string{"DATABASE_URL": database, "DATABASE_BATCHES": "1"})
	users := make([]*modelUser, modelUsers)
	for i := range users {
		client, _ := s.client(t, ways()[i%len(ways())], s.issuer.Token(fmt.Sprint("user ", i)), patiently())
		users[i] = &modelUser{
			T: t, name: fmt.Sprintf("user %d over %s", i, ways()[i%len(ways())]), client: client,
			rand: rand.New(rand.NewPCG(seed, uint64(i))), todos: make(map[string]*todov1.Todo),
		}
	}
	batched := 0
	for range modelRounds {
		var round sync.WaitGroup
		for _, user := range users {
			round.Go(func() {
				for range modelOperations {
					user.operate()
				}
			})
		}
		round.Wait()
		if t.Failed() {
			return
		}
		batched += pgtest.InBatches(t, database)
		for i, user := range users {
			neighbour := users[(i+1)%len(users)]
			user.foreignIDs, user.foreignEtags, user.foreignPlaces = neighbour.ids, neighbour.etags, neighbour.places
		}
	}
	operations := 0
	for _, user := range users {
		user.listAll()
		operations += user.done
	}
	if operations != modelUsers*modelRounds*modelOperations {
		t.Errorf("%d operations were done", operations)
	}
	if batched == 0 {
		t.Error("no batch of several users' writes was seen")
	}
}

// modelUser is a user and what the service should have of theirs.
type modelUser struct {
	*testing.T
	name   string
	client todov1connect.TodoServiceClient
	rand   *rand.Rand
	done   int

	todos  map[string]*todov1.Todo
	ids    []string // Of all todos ever made.
	etags  []string // Of all states that they ever had.
	places []place  // What page tokens came.

	// What a neighbour had at the end of the last round.
	foreignIDs    []string
	foreignEtags  []string
	foreignPlaces []place
}

// place is a page token, and what the model knows it by.
type place struct {
	token       string
	isCompleted *bool
	after       *todov1.Todo
}

func (u *modelUser) operate() {
	u.done++
	ctx := u.Context()
	switch n := u.rand.IntN(100); {
	case n < 30:
		u.create(ctx)
	case n < 40:
		id := u.pick(u.ids)
		got, err := u.client.GetTodo(ctx, &todov1.GetTodoRequest{Id: id})
		u.agree("get", got, err, u.todos[id])
	case n < 60:
		u.update(ctx, u.pick(u.ids))
	case n < 70:
		u.delete(ctx, u.pick(u.ids))
	case n < 80:
		filter := []*bool{nil, new(false), new(true)}[u.rand.IntN(3)]
		u.list(ctx, place{isCompleted: filter})
	case n < 88:
		if len(u.places) > 0 { // Wherever it was, whatever happened since.
			u.list(ctx, u.places[u.rand.IntN(len(u.places))])
		}
	case n < 92:
		if len(u.foreignPlaces) > 0 {
			u.list(ctx, u.foreignPlaces[u.rand.IntN(len(u.foreignPlaces))])
		}
	case n < 94:
		id := u.pick(u.foreignIDs)
		got, err := u.client.GetTodo(ctx, &todov1.GetTodoRequest{Id: id})
		u.agree("get another's", got, err, nil)
	case n < 97:
		u.update(ctx, u.pick(u.foreignIDs))
	default:
		u.delete(ctx, u.pick(u.foreignIDs))
	}
}

// pick returns one of the ids, mostly, or one that was never made.
func (u *modelUser) pick(ids []string) string {
	if len(ids) == 0 || u.rand.IntN(20) == 0 {
		return fmt.Sprintf("00000000-0000-4000-8000-%012x", u.rand.IntN(1<<40))
	}
	return ids[u.rand.IntN(len(ids))]
}

// text returns a text as users write it, and what is kept of it when it is
// trimmed.
func (u *modelUser) text() (sent, trimmed string) {
	trimmed = fmt.Sprintf("%s %d", u.name, u.rand.IntN(1000))
	trimmed += []string{"", "é", "😀", "' OR true --", "\"<>&\\"}[u.rand.IntN(5)]
	blank := []string{"", " ", "\n", "\u2003"}
	return blank[u.rand.IntN(4)] + trimmed + blank[u.rand.IntN(4)], trimmed
}

func (u *modelUser) create(ctx context.Context) {
	title, trimmed := u.text()
	req := &todov1.CreateTodoRequest{Title: title}
	want := &todov1.Todo{Title: trimmed}
	switch u.rand.IntN(3) {
	case 0:
		req.Description = new("")
	case 1:
		req.Description = new(title)
		want.Description = new(title)
	}
	u.addFields(req, want)
	got, err := u.client.CreateTodo(ctx, req)
	if err != nil {
		u.Errorf("%s: create: %v", u.name, err)
		return
	}
	want.Id, want.CreatedAt, want.UpdatedAt, want.Etag = got.GetId(), got.GetCreatedAt(), got.GetCreatedAt(), got.Etag
	if want.Position == nil {
		want.Position = new(derivedPosition(got))
	}
	u.isNewEtag(got.GetEtag())
	u.agree("create", got, nil, want)
	if u.todos[got.GetId()] != nil {
		u.Errorf("%s: the id %s was given twice", u.name, got.GetId())
	}
	u.todos[got.GetId()] = got
	u.ids = append(u.ids, got.GetId())
}

func (u *modelUser) update(ctx context.Context, id string) {
	req := &todov1.UpdateTodoRequest{Id: id}
	want := proto.CloneOf(u.todos[id])
	if want == nil {
		want = new(todov1.Todo) // Somebody else's, or deleted: refused.
	}
	isInvalid := u.changeFields(req, want)
	changes := 1 + u.rand.IntN(7)
	if isSent(req) {
		changes = u.rand.IntN(8)
	}
	if changes&1 != 0 {
		title, trimmed := u.text()
		req.Title, want.Title = &title, trimmed
	}
	if changes&2 != 0 {
		description, _ := u.text()
		req.Description, want.Description = &description, &description
		if u.rand.IntN(2) == 0 {
			req.Description, want.Description = new(""), nil
		}
	}
	if changes&4 != 0 {
		completed := u.rand.IntN(2) == 0
		req.IsCompleted, want.IsCompleted = &completed, completed
	}
	var isStale bool
	req.Etag, isStale = u.etag(id)
	got, err := u.client.UpdateTodo(ctx, req)
	before := u.todos[id]
	switch {
	case before == nil:
		u.agree("update of none", got, err, nil)
		return
	case isStale:
		u.conflict("update", err, before)
		return
	case isInvalid:
		checkCode(u.T, u.name+": an invalid update", err, connect.CodeInvalidArgument)
		return
	}
	switch {
	case !want.GetIsCompleted():
		want.CompletedAt = nil
	case !before.GetIsCompleted():
		want.CompletedAt = got.GetCompletedAt()
		if at := got.GetCompletedAt().AsTime(); at.Before(got.GetCreatedAt().AsTime()) || at.After(got.GetUpdatedAt().AsTime()) {
			u.Errorf("%s: completed at %v, created at %v, changed at %v", u.name, at, got.GetCreatedAt().AsTime(), got.GetUpdatedAt().AsTime())
		}
	}
	want.UpdatedAt, want.Etag = got.GetUpdatedAt(), got.Etag
	u.agree("update", got, err, want)
	if err == nil {
		if !got.GetUpdatedAt().AsTime().After(before.GetUpdatedAt().AsTime()) {
			u.Errorf("%s: updated_at went from %v to %v", u.name, before.GetUpdatedAt().AsTime(), got.GetUpdatedAt().AsTime())
		}
		u.isNewEtag(got.GetEtag())
		u.todos[id] = got
	}
}

// isNewEtag keeps an etag, which must not have been given out before.
func (u *modelUser) isNewEtag(etag string) {
	if etag == "" || slices.Contains(u.etags, etag) {
		u.Errorf("%s: the etag %q is none, or an old one", u.name, etag)
	}
	u.etags = append(u.etags, etag)
}

// etag returns what to send as the etag of a todo: nothing mostly, or the todo's, or one
// that is not the todo's, of this user, a neighbour's or nobody.
func (u *modelUser) etag(id string) (etag *string, isStale bool) {
	texts := []string{"none", u.todos[id].GetEtag()}
	if len(u.etags) > 0 {
		texts = append(texts, u.etags[u.rand.IntN(len(u.etags))])
	}
	if len(u.foreignEtags) > 0 {
		texts = append(texts, u.foreignEtags[u.rand.IntN(len(u.foreignEtags))])
	}
	text := texts[u.rand.IntN(len(texts))]
	if text == "" || u.rand.IntN(2) == 0 {
		return nil, false
	}
	return &text, text != u.todos[id].GetEtag()
}

// conflict compares a refusal with the todo that the model has.
func (u *modelUser) conflict(what string, err error, want *todov1.Todo) {
	u.Helper()
	if diff := gocmp.Diff(want, conflicting(err), protocmp.Transform()); connect.CodeOf(err) != connect.CodeAborted || diff != "" {
		u.Errorf("%s: %s with an old etag: %v (-model +service):\n%s", u.name, what, err, diff)
	}
}

func (u *modelUser) delete(ctx context.Context, id string) {
	etag, isStale := u.etag(id)
	_, err := u.client.DeleteTodo(ctx, &todov1.DeleteTodoRequest{Id: id, Etag: etag})
	switch {
	case u.todos[id] == nil:
		u.agree("delete of none", nil, err, nil)
	case isStale:
		u.conflict("delete", err, u.todos[id])
		return
	case err != nil:
		u.Errorf("%s: delete: %v", u.name, err)
	}
	delete(u.todos, id)
}

// agree compares an answer with the model's: a todo, or nil for none.
func (u *modelUser) agree(what string, got *todov1.Todo, err error, want *todov1.Todo) {
	u.Helper()
	switch {
	case want == nil:
		if connect.CodeOf(err) != connect.CodeNotFound {
			u.Errorf("%s: %s: %v, %v, the model has none", u.name, what, got, err)
		}
	case err != nil:
		u.Errorf("%s: %s: %v, the model has %v", u.name, what, err, want)
	default:
		if diff := gocmp.Diff(want, got, protocmp.Transform()); diff != "" {
			u.Errorf("%s: %s (-model +service):\n%s", u.name, what, diff)
		}
	}
}

// list reads the page after a place, of any size, and keeps the next place.
func (u *modelUser) list(ctx context.Context, from place) {
	req := &todov1.ListTodosRequest{
		PageToken: from.token, IsCompleted: from.isCompleted,
		PageSize: []int32{0, 1, 2, 3, 7, 50, 200, 1000}[u.rand.IntN(8)],
	}
	got, err := u.client.ListTodos(ctx, req)
	if err != nil {
		u.Errorf("%s: list: %v", u.name, err)
		return
	}
	want := u.listed(from)
	size := pageSize(req.GetPageSize())
	more := len(want) > size
	want = want[:min(size, len(want))]
	if diff := gocmp.Diff(want, got.GetTodos(), protocmp.Transform()); diff != "" {
		u.Errorf("%s: a page of %d (-model +service):\n%s", u.name, size, diff)
		return
	}
	if more != (got.GetNextPageToken() != "") {
		u.Errorf("%s: a page of %d: next_page_token is %q, the model has more = %v", u.name, size, got.GetNextPageToken(), more)
	}
	if more {
		u.places = append(u.places, place{got.GetNextPageToken(), from.isCompleted, want[size-1]})
	}
}

// listed returns the todos after a place, as the model has them.
func (u *modelUser) listed(from place) []*todov1.Todo {
	var listed []*todov1.Todo
	for _, one := range u.todos {
		if from.isCompleted != nil && one.GetIsCompleted() != *from.isCompleted {
			continue
		}
		if from.after == nil || newestFirst(from.after, one) < 0 {
			listed = append(listed, one)
		}
	}
	slices.SortFunc(listed, newestFirst)
	return listed
}

func newestFirst(a, b *todov1.Todo) int {
	return cmp.Or(b.GetCreatedAt().AsTime().Compare(a.GetCreatedAt().AsTime()), strings.Compare(b.GetId(), a.GetId()))
}

// listAll compares all that the service has of the user with the model.
func (u *modelUser) listAll() {
	var all []*todov1.Todo
	req := &todov1.ListTodosRequest{PageSize: 13}
	for {
		page, err := u.client.ListTodos(u.Context(), req)
		if err != nil {
			u.Fatalf("%s: list: %v", u.name, err)
		}
		all = append(all, page.GetTodos()...)
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			break
		}
	}
	if diff := gocmp.Diff(u.listed(place{}), all, protocmp.Transform()); diff != "" {
		u.Errorf("%s: in the end (-model +service):\n%s", u.name, diff)
	}
}
