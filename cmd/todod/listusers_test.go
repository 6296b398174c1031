package main

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/todo-backend/internal/postgres/pgtest"
)

// TestSlotsAreThoseOfTheBalancers has slots that another implementation of CRC-32 computed.
func TestSlotsAreThoseOfTheBalancers(t *testing.T) {
	t.Parallel()
	for user, want := range map[string]uint32{"alice": 3143, "bob": 320, "ü 😀": 3130} {
		if got := slotOf(user); got != want {
			t.Errorf("the slot of %q is %d, want %d", user, got, want)
		}
	}
}

// TestListUsersPrintsThoseOfSlots has all slots together name every user once.
func TestListUsersPrintsThoseOfSlots(t *testing.T) {
	t.Parallel()
	database := pgtest.NewDatabase(t)
	pgtest.Exec(t, database, `
		INSERT INTO todo_account (user_id, revision, sealed) SELECT 'user ' || n, 1, CASE n WHEN 7 THEN 3 ELSE 0 END FROM generate_series(1, 300) AS n;
		INSERT INTO todo (user_id, title) VALUES ('of before accounts', 't')`)
	list := func(args ...string) []string {
		var out bytes.Buffer
		environment := map[string]string{"DATABASE_URL": database}
		if err := run(t.Context(), append([]string{"list-users"}, args...), func(name string) string { return environment[name] }, &out); err != nil {
			t.Fatal(args, err)
		}
		return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	}
	all := list()
	if len(all) != 300 || !slices.Contains(all, "of before accounts") || slices.Contains(all, "user 7") {
		t.Errorf("%d users: %q", len(all), all)
	}
	var parts []string
	for _, slots := range []string{"0-1364", "1365-2729", "2730-4094", "4095"} {
		part := list("-slots", slots)
		if slots != "4095" && len(part) < 50 {
			t.Errorf("the slots %s have %d users", slots, len(part))
		}
		parts = append(parts, part...)
	}
	parts = slices.DeleteFunc(parts, func(user string) bool { return user == "" })
	slices.Sort(all)
	slices.Sort(parts)
	if diff := cmp.Diff(all, parts); diff != "" {
		t.Errorf("(-all +by slots):\n%s", diff)
	}
}

// TestListUsersLeavesOutThoseWhoAreNoLine has others printed all the same, and the names of
// those who are left out.
func TestListUsersLeavesOutThoseWhoAreNoLine(t *testing.T) {
	t.Parallel()
	database := pgtest.NewDatabase(t)
	pgtest.Exec(t, database, `
		INSERT INTO todo_account (user_id, revision)
		VALUES ('alice', 1), (E'two\nlines', 1), (E'two\rreturns \x1b[31m', 1), ('zoe', 1)`)
	var stdout, stderr bytes.Buffer
	environment := map[string]string{"DATABASE_URL": database}
	err := listUsers(t.Context(), nil, func(name string) string { return environment[name] }, &stdout, &stderr)
	const want = "todod: the user \"two\\nlines\" is left out: the subject has a line break\n" +
		"todod: the user \"two\\rreturns \\x1b[31m\" is left out: the subject has a line break\n"
	if err != nil || stdout.String() != "alice\nzoe\n" || stderr.String() != want {
		t.Errorf("%v: %q and %q", err, stdout.String(), stderr.String())
	}
}

func TestListUsersAndMoveUserRefuseAWrongCommandLine(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"list-users -slots 5-4", "list-users -slots 0-4096", "list-users -slots x", "list-users -slots -1", "list-users alice",
		"move-user", "move-user alice bob", "move-user -to b alice", "move-user -route", "move-user -without-target alice",
	} {
		if err := run(t.Context(), strings.Fields(line), func(string) string { return "" }, new(bytes.Buffer)); !errors.Is(err, errUsage) {
			t.Errorf("todod %s: %v", line, err)
		}
	}
}
