package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// pgbenchClients is how many connections pgbench uses: as many as the service
// has in its pool by default.
const pgbenchClients = 16

// pgbench runs the service's statements without the service.
type pgbench struct {
	stack   *stack
	dataset dataset
	scripts map[operation]script
}

func newPgbench(s *stack, d dataset, recorded map[operation][]statement) (*pgbench, error) {
	b := &pgbench{stack: s, dataset: d, scripts: make(map[operation]script)}
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

func (b *pgbench) file(op operation) string {
	return filepath.Join(b.stack.dir, b.dataset.name+"-"+strings.ReplaceAll(string(op), " ", "")+".sql")
}

var pgbenchRate = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)

// run returns the transactions per second of a scenario.
func (b *pgbench) run(ctx context.Context, s scenario, length time.Duration, toDelete spare) (float64, error) {
	args := []string{
		"--no-vacuum", "--protocol=prepared",
		"--host=127.0.0.1", "--port=" + strconv.Itoa(b.stack.server.Port()), "--username=todo",
		"--client=" + strconv.Itoa(pgbenchClients), "--jobs=2", "--time=" + strconv.Itoa(int(length.Seconds())),
		"--define=made=0", fmt.Sprintf("--define=since=%d", time.Now().UnixMilli()*100_000),
		"--define=deleted=-1", fmt.Sprintf("--define=spare=%d", toDelete.first), fmt.Sprintf("--define=stride=%d", toDelete.count/pgbenchClients),
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

// checkSpare fails when a client of pgbench found no more todos to delete.
func checkSpare(ctx context.Context, conn *pgx.Conn, s spare) error {
	var last []string // Of each client's.
	for client := range int64(pgbenchClients) {
		last = append(last, todoID(s.first+(client+1)*(s.count/pgbenchClients)-1))
	}
	var left int
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM todo WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL", last).Scan(&left); err != nil {
		return err
	}
	if left < pgbenchClients {
		return fmt.Errorf("pgbench has deleted all of %d todos before its end", s.count)
	}
	return nil
}
