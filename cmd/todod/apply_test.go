package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/protobuf/testing/protocmp"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/postgres/pgtest"
)

// creating, updating, deleting and undeleting are operations.
func creating(req *todov1.CreateTodoRequest) *todov1.TodoOperation {
	return &todov1.TodoOperation{Operation: &todov1.TodoOperation_Create{Create: req}}
}

func updating(req *todov1.UpdateTodoRequest) *todov1.TodoOperation {
	return &todov1.TodoOperation{Operation: &todov1.TodoOperation_Update{Update: req}}
}

func deleting(req *todov1.DeleteTodoRequest) *todov1.TodoOperation {
	return &todov1.TodoOperation{Operation: &todov1.TodoOperation_Delete{Delete: req}}
}

func undeleting(req *todov1.UndeleteTodoRequest) *todov1.TodoOperation {
	return &todov1.TodoOperation{Operation: &todov1.TodoOperation_Undelete{Undelete: req}}
}

// applying returns a request with operations, and an id of its own.
func applying(operations ...*todov1.TodoOperation) *todov1.ApplyTodosRequest {
	return &todov1.ApplyTodosRequest{RequestId: uuid.NewString(), Operations: operations}
}

// appliedCodes has the codes of results, and "ok" for none.
func appliedCodes(res *todov1.ApplyTodosResponse) string {
	codes := make([]string, len(res.GetResults()))
	for i, result := range res.GetResults() {
		codes[i] = result.GetCode()
		if codes[i] == "" {
			codes[i] = "ok"
		}
	}
	return strings.Join(codes, " | ")
}

// TestOperationsAreAnsweredAsCallsOfTheirOwn has good and bad ones among each other, sent
// again in every other way to a second process.
func TestOperationsAreAnsweredAsCallsOfTheirOwn(t *testing.T) {
	t.Parallel()
	database := pgtest.NewDatabase(t)
	settings := map[string]string{"DATABASE_URL": database}
	first, second := start(t, settings), start(t, settings)
	eachWay(t, func(t *testing.T, way string) {
		user := "outbox over " + way
		client, _ := first.client(t, way, first.issuer.Token(user))
		ctx := t.Context()
		there, err := client.CreateTodo(ctx, &todov1.CreateTodoRequest{Title: "there"})
		if err != nil {
			t.Fatal(err)
		}
		trashed, err := client.CreateTodo(ctx, &todov1.CreateTodoRequest{Title: "trashed"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.DeleteTodo(ctx, &todov1.DeleteTodoRequest{Id: trashed.GetId()}); err != nil {
			t.Fatal(err)
		}
		bad := &todov1.UpdateTodoRequest{Id: there.GetId(), Title: new(" ")}
		none := &todov1.UpdateTodoRequest{Id: someID, Title: new("t")}
		stale := &todov1.UpdateTodoRequest{Id: there.GetId(), Title: new("t"), Etag: new("abc")}
		taken := &todov1.CreateTodoRequest{Id: new(there.GetId()), Title: "other"}
		req := applying(
			creating(&todov1.CreateTodoRequest{Title: " without an id "}),
			updating(bad), updating(none), updating(stale), creating(taken),
			&todov1.TodoOperation{},
			undeleting(&todov1.UndeleteTodoRequest{Id: trashed.GetId()}),
			deleting(&todov1.DeleteTodoRequest{Id: there.GetId(), Etag: there.Etag}),
		)
		const want = "ok | invalid_argument | not_found | aborted | already_exists | invalid_argument | ok | ok"
		res, err := client.ApplyTodos(ctx, req)
		if err != nil || appliedCodes(res) != want {
			t.Fatalf("applied: %s, %v, want %s", appliedCodes(res), err, want)
		}
		results := res.GetResults()
		if made := results[0].GetTodo(); made.GetTitle() != "without an id" || made.GetEtag() == "" {
			t.Errorf("made: %v", made)
		}
		if now := results[3].GetTodo(); now.GetTitle() != "there" || now.GetEtag() != there.GetEtag() {
			t.Errorf("the conflict's todo: %v", now)
		}
		if gone := results[7].GetTodo(); gone.GetId() != there.GetId() || gone.GetDeletedAt() == nil {
			t.Errorf("deleted: %v", gone)
		}
		alone := make(map[int]error)
		_, alone[1] = client.UpdateTodo(ctx, bad)
		_, alone[2] = client.UpdateTodo(ctx, none)
		_, alone[4] = client.CreateTodo(ctx, taken)
		for i, err := range alone {
			told, _ := errorsAs(err)
			if told == nil || told.Message() != results[i].GetMessage() {
				t.Errorf("operation %d is told %q, a call of its own %v", i, results[i].GetMessage(), err)
			}
		}

		for _, other := range ways() {
			client, _ := second.client(t, other, second.issuer.Token(user))
			again, err := client.ApplyTodos(ctx, req)
			if err != nil || appliedCodes(again) != want {
				t.Errorf("again over %s: %s, %v, want %s", other, appliedCodes(again), err, want)
			}
			again.Results[3].Todo = results[3].GetTodo() // It has been deleted since.
			if diff := cmp.Diff(res, again, protocmp.Transform()); diff != "" {
				t.Errorf("again over %s (-first +again):\n%s", other, diff)
			}
			changed := applying(req.GetOperations()[1:]...)
			changed.RequestId = req.GetRequestId()
			_, err = client.ApplyTodos(ctx, changed)
			checkCode(t, "other content", err, connect.CodeAlreadyExists)
		}
	})
}

func TestAnAtomicRequestWithABadOperationChangesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	eachWay(t, func(t *testing.T, way string) {
		client, _ := s.client(t, way, s.issuer.Token("atomic over "+way))
		req := applying(creating(&todov1.CreateTodoRequest{Title: "one"}), updating(&todov1.UpdateTodoRequest{}), creating(&todov1.CreateTodoRequest{Title: "two"}))
		req.Atomic = true
		for range 2 {
			res, err := client.ApplyTodos(t.Context(), req)
			if got, want := appliedCodes(res), "aborted | invalid_argument | aborted"; err != nil || got != want {
				t.Errorf("applied: %s, %v, want %s", got, err, want)
			}
			if res.GetResults()[0].GetTodo() != nil || res.GetResults()[0].GetMessage() == "" {
				t.Errorf("beside it: %v", res.GetResults()[0])
			}
		}
		list, err := client.ListTodos(t.Context(), &todov1.ListTodosRequest{})
		if err != nil || len(list.GetTodos()) > 0 {
			t.Errorf("there are %v, %v", list.GetTodos(), err)
		}
	})
}

// TestTheLargestRequestIsApplied has the longest texts, by four bytes each, and one
// operation more.
func TestTheLargestRequestIsApplied(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"RATE_LIMIT_RPS": "1"})
	eachWay(t, func(t *testing.T, way string) {
		client, _ := s.client(t, way, s.issuer.Token("large over "+way))
		var operations []*todov1.TodoOperation
		for range 100 {
			operations = append(operations, creating(&todov1.CreateTodoRequest{
				Title: strings.Repeat("😀", 500), Description: new(strings.Repeat("😀", 2000)),
			}))
		}
		_, err := client.ApplyTodos(t.Context(), applying(append(operations, operations[0])...))
		checkCode(t, "101 operations", err, connect.CodeInvalidArgument)

		fast, _ := s.client(t, way, s.issuer.Token("fast over "+way))
		res, err := fast.ApplyTodos(t.Context(), applying(operations...))
		if err != nil || len(res.GetResults()) != 100 || appliedCodes(res) != strings.Repeat("ok | ", 99)+"ok" {
			t.Fatalf("100 operations: %s, %v", appliedCodes(res), err)
		}
	})
}

func TestEveryOperationCountsForTheRate(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"RATE_LIMIT_RPS": "1"})
	eachWay(t, func(t *testing.T, way string) {
		client, _ := s.client(t, way, s.issuer.Token("fast over "+way))
		operations := make([]*todov1.TodoOperation, 60)
		for i := range operations {
			operations[i] = deleting(&todov1.DeleteTodoRequest{Id: someID})
		}
		if _, err := client.ApplyTodos(t.Context(), applying(operations...)); err != nil {
			t.Fatal(err)
		}
		_, err := client.ApplyTodos(t.Context(), applying(operations...))
		checkCode(t, "more than are left", err, connect.CodeResourceExhausted)
		if wait := retryDelay(t, err); wait < 2*time.Second || wait > 21*time.Second { // Of the 40 left, the call itself took one.
			t.Errorf("to come back in %v, want when 60 are left", wait)
		}
	})
}

func TestOperationsOnAnothersTodosAreAnsweredAsOnNone(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	eachWay(t, func(t *testing.T, way string) {
		anna, annas, berta, heard := s.annaAndBerta(t, way)
		about := func(id string) *todov1.ApplyTodosResponse {
			res, err := berta.ApplyTodos(t.Context(), applying(
				updating(&todov1.UpdateTodoRequest{Id: id, Title: new("taken")}),
				updating(&todov1.UpdateTodoRequest{Id: id, Title: new("taken"), Etag: annas.Etag}),
				updating(&todov1.UpdateTodoRequest{Id: id, Title: new("taken"), Etag: new("abc")}),
				deleting(&todov1.DeleteTodoRequest{Id: id}),
				deleting(&todov1.DeleteTodoRequest{Id: id, Permanently: true, Etag: new("abc")}),
				undeleting(&todov1.UndeleteTodoRequest{Id: id, Etag: new("abc")}),
			))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(heard.heard, []byte("private")) {
				t.Errorf("berta is told %s", heard.heard)
			}
			return res
		}
		none := about(someID)
		if diff := cmp.Diff(none, about(annas.GetId()), protocmp.Transform()); diff != "" {
			t.Errorf("another's todo is told from none (-none +another's):\n%s", diff)
		}
		if got, want := appliedCodes(none), strings.Repeat("not_found | ", 5)+"not_found"; got != want {
			t.Errorf("of none: %s, want %s", got, want)
		}
		still, err := anna.GetTodo(t.Context(), &todov1.GetTodoRequest{Id: annas.GetId()})
		if diff := cmp.Diff(annas, still, protocmp.Transform()); err != nil || diff != "" {
			t.Errorf("anna's todo: %v\n%s", err, diff)
		}
	})
}

// TestAnothersRequestIDIsIndependent has two users send the same request.
func TestAnothersRequestIDIsIndependent(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	eachWay(t, func(t *testing.T, way string) {
		req := applying(creating(&todov1.CreateTodoRequest{Title: "mine"}))
		seen := make(map[string]bool)
		for _, name := range []string{"anna", "berta"} {
			client, _ := s.client(t, way, s.issuer.Token(fmt.Sprint(name, " ", way)))
			res, err := client.ApplyTodos(t.Context(), req)
			if err != nil || appliedCodes(res) != "ok" {
				t.Fatalf("%s: %s, %v", name, appliedCodes(res), err)
			}
			seen[res.GetResults()[0].GetTodo().GetId()] = true
		}
		if len(seen) != 2 {
			t.Errorf("the todos %v, want one for each", seen)
		}
	})
}

func TestWithoutATrashOperationsSaySo(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"TRASH_RETENTION": "0"})
	client, _ := s.client(t, "Connect JSON", s.issuer.Token("u"))
	there, err := client.CreateTodo(t.Context(), &todov1.CreateTodoRequest{Title: "there"})
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.ApplyTodos(t.Context(), applying(undeleting(&todov1.UndeleteTodoRequest{Id: there.GetId()}), deleting(&todov1.DeleteTodoRequest{Id: there.GetId()})))
	if got, want := appliedCodes(res), "unimplemented | ok"; err != nil || got != want {
		t.Errorf("applied: %s, %v, want %s", got, err, want)
	}
}
