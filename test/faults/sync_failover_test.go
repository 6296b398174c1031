//go:build linux

package faults

import (
	"context"
	"testing"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
	"example.com/todo-backend/test/syncload"
)

// TestSyncAfterAFailoverThatLostChanges has a client sync a change that the standby never
// gets. When the standby has taken over, and has changes that are newer, the client has to
// begin anew: nothing else takes the lost change out of its copy.
func TestSyncAfterAFailoverThatLostChanges(t *testing.T) {
	r := newRow(t, "sync after a failover that lost changes")
	c := startSyncCluster(t)
	client := c.clients(t)[0]
	as := func() context.Context { return syncload.As(t.Context(), c.issuer, "u") }
	kept, err := client.CreateTodo(as(), &todov1.CreateTodoRequest{Title: stack.CanaryTitle + " kept"})
	if err != nil {
		t.Fatal(err)
	}
	admin, standby := stack.Session(t, c.primary.URL()), stack.Session(t, c.standby.URL("postgres"))
	stack.Execute(t, admin, `ALTER SYSTEM RESET synchronous_standby_names`)
	stack.Execute(t, admin, `SELECT pg_reload_conf()`)
	stack.Execute(t, standby, `ALTER SYSTEM SET primary_conninfo = ''`)
	stack.Execute(t, standby, `SELECT pg_reload_conf()`)
	stack.Eventually(t, "the standby follows no more", func() bool {
		return stack.Ask[bool](t, admin, `SELECT NOT EXISTS (SELECT FROM pg_stat_replication)`)
	})
	lost := &todov1.CreateTodoRequest{Id: new(newUUID()), Title: stack.CanaryTitle + " lost"}
	retry(t, "a create once no commit waits for the standby", func() error {
		_, err := client.CreateTodo(as(), lost)
		return err
	})
	before, err := client.SyncTodos(as(), &todov1.SyncTodosRequest{})
	if err != nil {
		t.Fatal(err)
	}
	c.failOver(t)
	retry(t, "a change after the failover", func() error {
		_, err := client.UpdateTodo(as(), &todov1.UpdateTodoRequest{Id: kept.GetId(), IsCompleted: new(true)})
		return err
	})
	after, err := client.SyncTodos(as(), &todov1.SyncTodosRequest{SyncToken: before.GetNextSyncToken()})
	if err != nil {
		t.Fatal(err)
	}
	again, err := client.SyncTodos(as(), &todov1.SyncTodosRequest{SyncToken: after.GetNextSyncToken()})
	if err != nil {
		t.Fatal(err)
	}
	r.Did("promoted a standby that lacks one of two todos, which a client has")
	report.Same(r, "todos before", len(before.GetTodos()), 2)
	report.Same(r, "the client begins anew", after.GetReset_(), true)
	report.Same(r, "todos after", len(after.GetTodos()), 1)
	report.Same(r, "begins anew again", again.GetReset_(), false)
}

// retry repeats a call until it succeeds, or fails but by an outage.
func retry(t *testing.T, what string, call func() error) {
	t.Helper()
	stack.Eventually(t, what, func() bool {
		err := call()
		if err != nil && !syncload.IsOutage(err) {
			t.Fatalf("%s: %v", what, err)
		}
		return err == nil
	})
}
