package main

import (
	"strings"
	"testing"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/gen/todo/v1/todov1connect"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// administer runs a command on a database, and returns the one line that it logs.
func administer(t *testing.T, database string, args ...string) logLine {
	t.Helper()
	logged := newLogs()
	environment := map[string]string{"DATABASE_URL": database}
	if err := run(t.Context(), args, func(name string) string { return environment[name] }, logged); err != nil {
		t.Fatal(args, err)
	}
	if text := logged.text(); strings.Count(text, "\n") > 0 {
		t.Errorf("%q logs more than one line:\n%s", args, text)
	}
	return logged.wait(t, func(logLine) bool { return true }, nil)
}

// synced returns what a client gets that syncs with a token.
func synced(t *testing.T, client todov1connect.TodoServiceClient, token string) *todov1.SyncTodosResponse {
	t.Helper()
	res, err := client.SyncTodos(t.Context(), &todov1.SyncTodosRequest{SyncToken: token})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// created returns a todo that a client has made.
func created(t *testing.T, client todov1connect.TodoServiceClient, title string) *todov1.Todo {
	t.Helper()
	made, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: title})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestAnErasedUserStartsWithNothing(t *testing.T) {
	t.Parallel()
	database := pgtest.NewDatabase(t)
	s := start(t, map[string]string{"DATABASE_URL": database})
	alice, _ := s.client(t, "Connect JSON", s.issuer.Token("alice"))
	bob, _ := s.client(t, "Connect JSON", s.issuer.Token("bob"))
	created(t, alice, "Alice's")
	inTrash := created(t, alice, "Alice's, in the trash")
	if _, err := alice.DeleteTodo(t.Context(), &todov1.DeleteTodoRequest{Id: inTrash.Id}); err != nil {
		t.Fatal(err)
	}
	created(t, bob, "Bob's")
	alices, bobs := synced(t, alice, "").NextSyncToken, synced(t, bob, "").NextSyncToken

	if line := administer(t, database, "erase-user", "alice"); line["user_id"] != "alice" || line["todos"] != 2.0 {
		t.Errorf("the log says %v, want 2 todos of alice", line)
	}
	if res := synced(t, alice, alices); !res.Reset_ || len(res.Todos) > 0 {
		t.Errorf("Alice's client gets %v, want a reset to nothing", res)
	}
	list, err := alice.ListTodos(t.Context(), &todov1.ListTodosRequest{Deleted: true})
	if err != nil || len(list.Todos) > 0 {
		t.Errorf("Alice's trash: %v, %v, want none", list, err)
	}
	if res := synced(t, bob, bobs); res.Reset_ || len(res.Todos) > 0 {
		t.Errorf("Bob's client gets %v, want nothing new", res)
	}
	if res := synced(t, bob, ""); len(res.Todos) != 1 || res.Todos[0].Title != "Bob's" {
		t.Errorf("Bob has %v, want his todo", res)
	}

	if line := administer(t, database, "erase-user", "alice"); line["todos"] != 0.0 {
		t.Errorf("a repetition logs %v, want 0 todos", line)
	}
	again := created(t, alice, "Alice is back")
	if res := synced(t, alice, ""); len(res.Todos) != 1 || res.Todos[0].Id != again.Id {
		t.Errorf("afterwards Alice has %v, want her new todo", res)
	}
}

func TestRenewedEpochsResetEveryClient(t *testing.T) {
	t.Parallel()
	database := pgtest.NewDatabase(t)
	s := start(t, map[string]string{"DATABASE_URL": database})
	clients := make(map[string]todov1connect.TodoServiceClient)
	tokens := make(map[string]string)
	for _, user := range []string{"alice", "bob"} {
		clients[user], _ = s.client(t, "Connect JSON", s.issuer.Token(user))
		created(t, clients[user], user+"'s")
		tokens[user] = synced(t, clients[user], "").NextSyncToken
	}

	if line := administer(t, database, "renew-epochs"); line["accounts"] != 2.0 {
		t.Errorf("the log says %v, want 2 accounts", line)
	}
	for user, client := range clients {
		res := synced(t, client, tokens[user])
		if !res.Reset_ || len(res.Todos) != 1 || res.Todos[0].Title != user+"'s" {
			t.Errorf("%s's client gets %v, want a reset and the todo", user, res)
		}
		if res := synced(t, client, res.NextSyncToken); res.Reset_ || len(res.Todos) > 0 {
			t.Errorf("and then %v, want nothing new", res)
		}
	}
}

// TestCommandsOnAccountsNameWhatIsWrong has them fail before they change anything.
func TestCommandsOnAccountsNameWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, database, want string
		args                 []string
	}{
		{"no database to erase from", "", "DATABASE_URL", []string{"erase-user", "alice"}},
		{"no database to renew in", "", "DATABASE_URL", []string{"renew-epochs"}},
		{"a blank subject", pgtest.NewDatabase(t), "user", []string{"erase-user", " "}},
		{"a database without the schema", pgtest.NewEmptyDatabase(t), "todo_account", []string{"renew-epochs"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			environment := map[string]string{"DATABASE_URL": test.database}
			err := run(t.Context(), test.args, func(name string) string { return environment[name] }, newLogs())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q: %v, want an error with %q", test.args, err, test.want)
			}
		})
	}
}
