package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
)

func TestATodoIsCreatedReadListedChangedAndDeleted(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	eachWay(t, func(t *testing.T, way string) {
		client, _ := s.client(t, way, s.issuer.Token("crud over "+way))
		ctx := t.Context()

		created, err := client.CreateTodo(ctx, &todov1.CreateTodoRequest{
			Title:       "\u2003 Buy <milk> & \"é😀\" \n",
			Description: new(" 2 litres\n"),
		})
		if err != nil {
			t.Fatal("create:", err)
		}
		want := &todov1.Todo{
			Id:          created.GetId(),
			Title:       `Buy <milk> & "é😀"`,
			Description: new(" 2 litres\n"),
			CreatedAt:   created.GetCreatedAt(),
			UpdatedAt:   created.GetCreatedAt(),
			Etag:        created.Etag,
			Position:    new(derivedPosition(created)),
		}
		if diff := cmp.Diff(want, created, protocmp.Transform()); diff != "" {
			t.Fatalf("created (-want +got):\n%s", diff)
		}
		if created.GetCreatedAt().GetSeconds() == 0 {
			t.Error("created_at is missing")
		}

		got, err := client.GetTodo(ctx, &todov1.GetTodoRequest{Id: created.GetId()})
		if err != nil {
			t.Fatal("get:", err)
		}
		if diff := cmp.Diff(created, got, protocmp.Transform()); diff != "" {
			t.Errorf("read (-created +read):\n%s", diff)
		}

		completed, err := client.UpdateTodo(ctx, &todov1.UpdateTodoRequest{Id: created.GetId(), IsCompleted: new(true)})
		if err != nil {
			t.Fatal("update:", err)
		}
		want.IsCompleted, want.UpdatedAt, want.Etag = true, completed.GetUpdatedAt(), completed.Etag
		want.CompletedAt = completed.GetCompletedAt()
		if at := completed.GetCompletedAt().AsTime(); at.Before(created.GetCreatedAt().AsTime()) || at.After(completed.GetUpdatedAt().AsTime()) {
			t.Errorf("completed at %v, changed at %v", at, completed.GetUpdatedAt().AsTime())
		}
		if diff := cmp.Diff(want, completed, protocmp.Transform()); diff != "" {
			t.Errorf("completed (-want +got):\n%s", diff)
		}
		if !completed.GetUpdatedAt().AsTime().After(created.GetUpdatedAt().AsTime()) {
			t.Error("updated_at did not move forward")
		}
		if created.GetEtag() == "" || completed.GetEtag() == "" || completed.GetEtag() == created.GetEtag() {
			t.Errorf("the etag was %q and is %q", created.GetEtag(), completed.GetEtag())
		}

		cleared, err := client.UpdateTodo(ctx, &todov1.UpdateTodoRequest{
			Id: created.GetId(), Title: new(" Buy oat milk "), Description: new(""), IsCompleted: new(false),
		})
		if err != nil {
			t.Fatal("update all:", err)
		}
		want = &todov1.Todo{
			Id: created.GetId(), Title: "Buy oat milk", CreatedAt: created.GetCreatedAt(), UpdatedAt: cleared.GetUpdatedAt(), Etag: cleared.Etag,
			Position: want.Position,
		}
		if diff := cmp.Diff(want, cleared, protocmp.Transform()); diff != "" {
			t.Errorf("cleared (-want +got):\n%s", diff)
		}

		list, err := client.ListTodos(ctx, &todov1.ListTodosRequest{})
		if err != nil {
			t.Fatal("list:", err)
		}
		if diff := cmp.Diff(&todov1.ListTodosResponse{Todos: []*todov1.Todo{cleared}}, list, protocmp.Transform()); diff != "" {
			t.Errorf("listed (-want +got):\n%s", diff)
		}

		if _, err := client.DeleteTodo(ctx, &todov1.DeleteTodoRequest{Id: created.GetId()}); err != nil {
			t.Fatal("delete:", err)
		}
		_, err = client.GetTodo(ctx, &todov1.GetTodoRequest{Id: created.GetId()})
		checkCode(t, "get after delete", err, connect.CodeNotFound)
		_, err = client.DeleteTodo(ctx, &todov1.DeleteTodoRequest{Id: created.GetId()})
		checkCode(t, "delete twice", err, connect.CodeNotFound)
		_, err = client.UpdateTodo(ctx, &todov1.UpdateTodoRequest{Id: created.GetId(), IsCompleted: new(true)})
		checkCode(t, "update after delete", err, connect.CodeNotFound)
	})
}

func TestAListOf500IsPagedWithoutGapsOrRepeats(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const count = 500
	token := s.issuer.Token("lister")
	writer, _ := s.client(t, "Connect binary", token)
	stranger, _ := s.client(t, "Connect binary", s.issuer.Token("stranger"))
	var all, completed []string // Newest first, as lists are.
	for i := range count {
		created, err := writer.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: fmt.Sprint("todo ", i)})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, created.GetId())
		if i%3 == 0 {
			if _, err := writer.UpdateTodo(t.Context(), &todov1.UpdateTodoRequest{Id: created.GetId(), IsCompleted: new(true)}); err != nil {
				t.Fatal(err)
			}
			completed = append(completed, created.GetId())
		}
		if i%50 == 0 {
			if _, err := stranger.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "not yours"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	slices.Reverse(all)
	slices.Reverse(completed)

	eachWay(t, func(t *testing.T, way string) {
		client, _ := s.client(t, way, token)
		for _, sizes := range [][]int32{{0}, {1, 2, 3, 97}, {200}, {1000}} {
			if got := collect(t, client, nil, sizes); !slices.Equal(got, all) {
				t.Errorf("pages of %v: %d todos, want %d in order", sizes, len(got), len(all))
			}
		}
		if got := collect(t, client, new(true), []int32{20}); !slices.Equal(got, completed) {
			t.Errorf("completed: %d todos, want %d in order", len(got), len(completed))
		}
		if got := collect(t, client, new(false), []int32{150}); len(got) != count-len(completed) {
			t.Errorf("not completed: %d todos, want %d", len(got), count-len(completed))
		}
	})
}

// collect pages through a list, with page sizes taken in turn, and returns
// the ids.
func collect(t *testing.T, client todov1connect.TodoServiceClient, isCompleted *bool, sizes []int32) []string {
	t.Helper()
	var ids []string
	req := &todov1.ListTodosRequest{IsCompleted: isCompleted}
	for page := 0; ; page++ {
		req.PageSize = sizes[page%len(sizes)]
		res, err := client.ListTodos(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if want := pageSize(req.GetPageSize()); len(res.GetTodos()) > want || res.GetNextPageToken() != "" && len(res.GetTodos()) < want {
			t.Fatalf("a page of %d has %d todos", req.GetPageSize(), len(res.GetTodos()))
		}
		for _, listed := range res.GetTodos() {
			ids = append(ids, listed.GetId())
		}
		if req.PageToken = res.GetNextPageToken(); req.PageToken == "" {
			return ids
		}
	}
}

// pageSize is the size that a request's page size asks for.
func pageSize(asked int32) int {
	if asked == 0 {
		return 50
	}
	return int(min(asked, 200))
}

func TestAPageTokenServesItsOwnFilterAndNobodyElse(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	eachWay(t, func(t *testing.T, way string) {
		anna, _ := s.client(t, way, s.issuer.Token("anna "+way))
		berta, _ := s.client(t, way, s.issuer.Token("berta "+way))
		for range 3 {
			if _, err := anna.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "a"}); err != nil {
				t.Fatal(err)
			}
		}
		page, err := anna.ListTodos(t.Context(), &todov1.ListTodosRequest{PageSize: 1})
		if err != nil {
			t.Fatal(err)
		}
		token := page.GetNextPageToken()
		_, err = anna.ListTodos(t.Context(), &todov1.ListTodosRequest{PageToken: token, IsCompleted: new(false)})
		checkCode(t, "a token with another filter", err, connect.CodeInvalidArgument)
		for _, broken := range []string{"x", token + "A", token[1:], strings.Repeat("A", 35)} {
			_, err = anna.ListTodos(t.Context(), &todov1.ListTodosRequest{PageToken: broken})
			checkCode(t, "a broken token", err, connect.CodeInvalidArgument)
		}
		others, err := berta.ListTodos(t.Context(), &todov1.ListTodosRequest{PageToken: token})
		if err != nil || len(others.GetTodos()) != 0 {
			t.Errorf("another's page token: %v, %v", others, err)
		}
	})
}

// checkCode checks the code of an error.
func checkCode(t *testing.T, what string, err error, want connect.Code) {
	t.Helper()
	if err == nil || connect.CodeOf(err) != want {
		t.Errorf("%s: %v, want the code %v", what, err, want)
	}
}
