package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/todo-backend/bench/internal/load"
)

// pgbenchClients is how many connections pgbench uses: as many as the service
// has in its pool by default.
const pgbenchClients = 16

// pgbench runs the service's statements without the service.
type pgbench struct {
	stack   *stack
	dataset dataset
	scripts map[load.Operation]script
}

func newPgbench(s *stack, d dataset, recorded map[load.Operation][]statement) (*pgbench, error) {
	b := &pgbench{stack: s, dataset: d, scripts: make(map[load.Operation]script)}
	for op, statements := range recorded {
		script, err := pgbenchScript(d, op, statements)
		if err != nil {
			return nil, err
		}
		b.scripts[op] = script
		if err := os.WriteFile(b.file(op), []byte(script.text), 0o600); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *pgbench) file(op load.Operation) string {
	return filepath.Join(b.stack.dir, b.dataset.name+"-"+strings.ReplaceAll(string(op), " ", "")+".sql")
}

var pgbenchRate = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)

// run returns the transactions per second of a scenario. Todos to be deleted
// have the numbers from spare on.
func (b *pgbench) run(ctx context.Context, s scenario, length time.Duration, spare *deletable) (float64, error) {
	seconds := max(1, int(math.Round(length.Seconds())))
	args := []string{
		"--no-vacuum", "--protocol=prepared",
		"--host=127.0.0.1", "--port=" + strconv.Itoa(b.stack.server.Port()), "--username=todo",
		"--client=" + strconv.Itoa(pgbenchClients), "--jobs=2", "--time=" + strconv.Itoa(seconds),
		"--define=made=0", fmt.Sprintf("--define=since=%d", time.Now().UnixMilli()*100_000),
	}
	var stride int64
	if spare != nil {
		stride = spare.count / pgbenchClients
		args = append(args, "--define=deleted=-1", fmt.Sprintf("--define=spare=%d", spare.first), fmt.Sprintf("--define=stride=%d", stride))
	}
	for _, share := range s.shares {
		for _, variable := range b.scripts[share.operation].variables {
			args = append(args, "--define="+variable)
		}
		args = append(args, fmt.Sprintf("--file=%s@%d", b.file(share.operation), share.percent))
	}
	cmd := exec.CommandContext(ctx, filepath.Join(b.stack.programs, "pgbench"), append(args, b.dataset.name)...)
	cmd.Env = append(environment(), "LC_ALL=C")
	output, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("pgbench: %w\n%s", err, output)
	}
	found := pgbenchRate.FindSubmatch(output)
	if found == nil {
		return 0, fmt.Errorf("pgbench printed no rate:\n%s", output)
	}
	return strconv.ParseFloat(string(found[1]), 64)
}

// checkSpare fails unless every client of pgbench has found todos to delete
// until the end.
func checkSpare(ctx context.Context, conn *pgx.Conn, spare *deletable) error {
	stride := spare.count / pgbenchClients
	for client := range int64(pgbenchClients) {
		first := spare.first + client*stride
		var untouched, left bool
		if err := conn.QueryRow(ctx, `
			SELECT  EXISTS (SELECT FROM todo WHERE id = $1),
			        EXISTS (SELECT FROM todo WHERE id = $2)`,
			todoID(first), todoID(first+stride-1)).Scan(&untouched, &left); err != nil {
			return err
		}
		if untouched || !left {
			return fmt.Errorf("client %d of pgbench should have deleted some of %d todos: it has touched any: %t, it has left any: %t",
				client, stride, !untouched, left)
		}
	}
	return nil
}
