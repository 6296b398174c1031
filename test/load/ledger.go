//go:build linux

package load

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/test/stack"
)

// content is the content of a todo, and of its row. The zero value is a todo that doesn't
// exist.
type content struct {
	title, description string
	completed          bool
}

// Ledger records what callers know of their todos: acknowledged states, and states in
// doubt, since a write got no response or an error.
type Ledger struct {
	mu sync.Mutex
	// todos are the states that the table may have a todo in, by id: one,
	// or several after a write that is in doubt.
	todos map[string][]content
	// doubtful are the titles of creates in doubt. Each may be there once.
	doubtful     map[string]bool
	Acknowledged int
	wrong        []string // Answers that contradict it.
}

func newLedger() *Ledger {
	return &Ledger{todos: make(map[string][]content), doubtful: make(map[string]bool)}
}

// wrote notes a write that was acknowledged.
func (l *Ledger) wrote(id string, is content) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Acknowledged++
	l.todos[id] = []content{is}
}

// mayHaveWritten notes a write to a todo that was not acknowledged.
func (l *Ledger) mayHaveWritten(id string, maybe content) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.todos[id] = append(l.todos[id], maybe)
}

// mayHaveCreated notes a create that was not acknowledged.
func (l *Ledger) mayHaveCreated(title string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doubtful[title] = true
}

// contradict notes a response that contradicts the ledger.
func (l *Ledger) contradict(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
}

// Audit compares the ledger with the table, in which the load's users have names with a
// prefix. It returns acknowledged writes that are missing, and rows that nobody asked
// for. The rows may be in further databases, each in one.
func (l *Ledger) Audit(t *testing.T, database, prefix string, further ...string) []string {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	problems := slices.Clone(l.wrong)
	rows := l.rows(t, database, prefix)
	for _, database := range further {
		for id, is := range l.rows(t, database, prefix) {
			if there, found := rows[id]; found {
				problems = append(problems, fmt.Sprintf("todo %s is in two databases, as %v and %v", id, there, is))
			}
			rows[id] = is
		}
	}
	created := make(map[string]int)
	for id, is := range rows {
		may, known := l.todos[id]
		switch {
		case known && !slices.Contains(may, is):
			problems = append(problems, fmt.Sprintf("todo %s is %v, not one of %v", id, is, may))
		case !known && !l.doubtful[is.title]:
			problems = append(problems, fmt.Sprintf("nobody made todo %s %v", id, is))
		case !known:
			created[is.title]++
		}
	}
	for title, times := range created {
		if times > 1 {
			problems = append(problems, fmt.Sprintf("%q was made %d times", title, times))
		}
	}
	for id, may := range l.todos {
		if _, there := rows[id]; !there && !slices.Contains(may, content{}) {
			problems = append(problems, fmt.Sprintf("todo %s is gone; it was %v", id, may))
		}
	}
	return problems
}

// rows reads the table.
func (l *Ledger) rows(t *testing.T, database, prefix string) map[string]content {
	t.Helper()
	rows, err := stack.Session(t, database).Query(t.Context(), `
		SELECT id::text, title, coalesce(description, ''), is_completed
		FROM   todo
		WHERE  starts_with(user_id, $1) AND deleted_at IS NULL`, prefix)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]content)
	var id string
	var is content
	_, err = pgx.ForEachRow(rows, []any{&id, &is.title, &is.description, &is.completed}, func() error {
		found[id] = is
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// sure returns those todos of a list that are not in doubt.
func (l *Ledger) sure(ids []string) map[string]content {
	l.mu.Lock()
	defer l.mu.Unlock()
	sure := make(map[string]content)
	for _, id := range ids {
		if may := l.todos[id]; len(may) == 1 {
			sure[id] = may[0]
		}
	}
	return sure
}
