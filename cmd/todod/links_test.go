package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestTheBinaryLinksNothingOfDevelopmentOrTests looks at everything that the
// program imports, however far away.
func TestTheBinaryLinksNothingOfDevelopmentOrTests(t *testing.T) {
	t.Parallel()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", ".")
	output, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(output))
	for _, name := range packages {
		for _, unwanted := range []string{
			"example.com/todo-backend/internal/auth/authtest",
			"example.com/todo-backend/internal/childprocess",
			"example.com/todo-backend/internal/database/databasetest",
			"example.com/todo-backend/internal/pglocal",
			"example.com/todo-backend/internal/postgres/pgtest",
			"example.com/todo-backend/internal/postgres/sqlowner",
			"github.com/ulikunitz/xz",
			"github.com/swaggest/swgui",
			"testing",
		} {
			if name == unwanted || strings.HasPrefix(name, unwanted+"/") {
				t.Errorf("it links %s", name)
			}
		}
	}
	// That the list is one.
	for _, wanted := range []string{"example.com/todo-backend/internal/rpc", "github.com/jackc/pgx/v5"} {
		if !strings.Contains(string(output), "\n"+wanted+"\n") {
			t.Errorf("%s is not among its %d packages", wanted, len(packages))
		}
	}
}
