package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/protobuf/testing/protocmp"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

func TestARepeatedCreateIsAnsweredWithTheFirstAnswersTodo(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	eachWay(t, func(t *testing.T, way string) {
		client, heard := s.client(t, way, s.issuer.Token("repeats over "+way))
		create := func(req *todov1.CreateTodoRequest) (answer string) {
			t.Helper()
			if _, err := client.CreateTodo(t.Context(), req); err != nil {
				t.Fatal(err)
			}
			return string(heard.heard)
		}
		id := uuid.NewString()
		req := &todov1.CreateTodoRequest{Id: &id, Title: "a", Description: new("")}
		first := create(req)
		repeated := create(req)
		// It doesn't say how the todo is, so it has no etag. That is the difference.
		if etag := strings.Contains(strings.ToLower(repeated), "etag"); etag || len(repeated) >= len(first) {
			t.Errorf("the first answer is %s, a repetition's %s", first, repeated)
		}
		if _, err := client.UpdateTodo(t.Context(), &todov1.UpdateTodoRequest{Id: id, IsCompleted: new(true)}); err != nil {
			t.Fatal(err)
		}
		for name, same := range map[string]*todov1.CreateTodoRequest{
			"the same request":        req,
			"white space around":      {Id: &id, Title: "\u2003a\n"},
			"an absent description":   {Id: &id, Title: "a"},
			"the id in capitals":      {Id: new(strings.ToUpper(id)), Title: "a"},
			"the same request, later": req,
		} {
			if diff := cmp.Diff(repeated, create(same)); diff != "" {
				t.Errorf("%s (-before +again):\n%s", name, diff)
			}
		}
		list, err := client.ListTodos(t.Context(), &todov1.ListTodosRequest{})
		if err != nil || len(list.GetTodos()) != 1 || list.GetTodos()[0].GetId() != id || !list.GetTodos()[0].GetIsCompleted() {
			t.Errorf("the list is %v, %v, want the one todo, completed", list, err)
		}
	})
}

func TestATakenIDIsAnsweredAlikeWhosesoeverItIs(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	eachWay(t, func(t *testing.T, way string) {
		anna, annas, berta, heard := s.annaAndBerta(t, way)
		bertas, err := berta.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "mine"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = berta.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Id: &bertas.Id, Title: "other content"})
		checkCode(t, "her own id", err, connect.CodeAlreadyExists)
		own := bytes.Clone(heard.heard)
		for _, title := range []string{"private", "other content"} {
			_, err = berta.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Id: &annas.Id, Title: title})
			checkCode(t, "another's id", err, connect.CodeAlreadyExists)
			if diff := cmp.Diff(string(own), string(heard.heard)); diff != "" {
				t.Errorf("%s tells another's id from her own (-own +another's):\n%s", title, diff)
			}
		}
		if bytes.Contains(heard.heard, []byte(annas.GetId())) || bytes.Contains(heard.heard, []byte("private")) {
			t.Errorf("the answer tells %s", heard.heard)
		}

		for _, permanently := range []bool{false, true} {
			if _, err := anna.DeleteTodo(t.Context(), &todov1.DeleteTodoRequest{Id: annas.GetId(), Permanently: permanently}); err != nil {
				t.Fatal(err)
			}
			_, err = berta.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Id: &annas.Id, Title: "hers"})
			checkCode(t, "the id of a deleted todo", err, connect.CodeAlreadyExists)
		}
	})
}

func TestACreateBeyondTheBoundIsRefusedForGood(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"MAX_TODOS_PER_USER": "2"})
	eachWay(t, func(t *testing.T, way string) {
		client, heard := s.client(t, way, s.issuer.Token("collector over "+way))
		var last *todov1.Todo
		for range 2 {
			var err error
			if last, err = client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "a"}); err != nil {
				t.Fatal(err)
			}
		}
		_, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "a"})
		checkCode(t, "the third", err, connect.CodeResourceExhausted)
		if answer := string(heard.heard); strings.Contains(strings.ToLower(answer), "retry") || !strings.Contains(answer, "with those in the trash; delete some permanently") {
			t.Errorf("the third is answered %s", answer)
		}
		again, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Id: &last.Id, Title: "a"})
		if err != nil {
			t.Fatal("a repetition of the second:", err)
		}
		last.Etag = nil // A repetition's answer has none.
		if diff := cmp.Diff(last, again, protocmp.Transform()); diff != "" {
			t.Errorf("a repetition of the second (-first +again):\n%s", diff)
		}

		if _, err := client.DeleteTodo(t.Context(), &todov1.DeleteTodoRequest{Id: last.Id}); err != nil {
			t.Fatal(err)
		}
		_, err = client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "a"})
		checkCode(t, "the third, with the second in the trash", err, connect.CodeResourceExhausted)
		if _, err := client.DeleteTodo(t.Context(), &todov1.DeleteTodoRequest{Id: last.Id, Permanently: true}); err != nil {
			t.Fatal(err)
		}
		if _, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "a"}); err != nil {
			t.Errorf("the third, with the second deleted permanently: %v", err)
		}
	})
}

func TestAnIDThatTheServiceChoosesRisesWithTime(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	client, _ := s.client(t, "Connect binary", s.issuer.Token("u"))
	var last string
	for range 20 {
		created, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "a"})
		if err != nil {
			t.Fatal(err)
		}
		id, err := uuid.Parse(created.GetId())
		if err != nil || id.Version() != 7 || id.Variant() != uuid.RFC4122 || created.GetId() <= last {
			t.Errorf("after %s came %s, %v", last, created.GetId(), err)
		}
		last = created.GetId()
	}
}

func TestCreatesAtOnceOverEveryWayMakeOneTodo(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	token, id := s.issuer.Token("u"), uuid.NewString()
	var calls sync.WaitGroup
	for _, way := range ways() {
		for range 4 {
			client, _ := s.client(t, way, token) // It can't be shared: it hears one answer at a time.
			calls.Go(func() {
				created, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Id: &id, Title: "a"})
				if err != nil || created.GetId() != id {
					t.Errorf("%s: %v, %v", way, created, err)
				}
			})
		}
	}
	calls.Wait()
	client, _ := s.client(t, "REST", token)
	if list, err := client.ListTodos(t.Context(), &todov1.ListTodosRequest{}); err != nil || len(list.GetTodos()) != 1 {
		t.Errorf("%v, %v, want one todo", list, err)
	}
}
