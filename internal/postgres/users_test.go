package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/postgres/pgtest"
)

// TestListUsersHasAllWhoseTodosAreHere has more users than a statement returns, with an
// account, with todos alone, and with both, and some who are elsewhere.
func TestListUsersHasAllWhoseTodosAreHere(t *testing.T) {
	t.Parallel()
	store, url := newStore(t)
	pgtest.Exec(t, url, `
		INSERT INTO todo_account (user_id, revision, sealed)
		SELECT 'user ' || n, 1, CASE WHEN n % 10 < 4 THEN n % 10 ELSE 0 END FROM generate_series(1, 2500) AS n WHERE n % 7 <> 0;
		INSERT INTO todo (user_id, title) SELECT 'user ' || n, 't' FROM generate_series(1, 2500) AS n, generate_series(1, 2) WHERE n % 7 = 0 OR n % 3 = 0`)
	var got, want []string
	for n := 1; n <= 2500; n++ {
		if isElsewhere := n%7 != 0 && (n%10 == 2 || n%10 == 3); !isElsewhere {
			want = append(want, fmt.Sprint("user ", n))
		}
	}
	if err := store.ListUsers(t.Context(), func(user string) error { got = append(got, user); return nil }); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	full := errors.New("the disk is full")
	if err := store.ListUsers(t.Context(), func(string) error { return full }); !errors.Is(err, full) {
		t.Errorf("%v, want the caller's error", err)
	}
}
