//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"example.com/todo-backend/internal/postgres/pgtest"
)

// BenchmarkMoveUser measures how many users `todod move-user` moves in a second, without a
// route, when so many of them run at once. Each is a process. Both databases wait for the disk.
func BenchmarkMoveUser(b *testing.B) {
	durable := map[string]string{"fsync": "on", "full_page_writes": "on"}
	source, target := pgtest.StartServer(b, durable).URL(), pgtest.StartServer(b, durable).URL()
	program, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	for _, of := range []struct{ todos, atOnce int }{{120, 1}, {120, 4}, {10_000, 1}} {
		b.Run(fmt.Sprintf("%d todos/%d at once", of.todos, of.atOnce), func(b *testing.B) {
			users := make(chan string, b.N)
			for n := range b.N {
				users <- fmt.Sprintf("user %d of %d with %d todos, %d at once", n, b.N, of.todos, of.atOnce)
			}
			close(users)
			pgtest.Exec(b, source, fmt.Sprintf(`
				WITH mover AS (
					SELECT format('user %%s of %d with %d todos, %d at once', n) AS id FROM generate_series(0, %[1]d - 1) AS n
				), account AS (
					INSERT INTO todo_account (user_id, revision) SELECT id, %[2]d FROM mover
				)
				INSERT INTO todo (user_id, title, description, revision)
				SELECT id, 'Water the plants on the balcony', 'The tomatoes twice, the rosemary hardly at all', i
				FROM   mover, generate_series(1, %[2]d) AS i`, b.N, of.todos, of.atOnce))
			pgtest.Exec(b, source, "VACUUM ANALYZE")
			b.ResetTimer()
			var movers sync.WaitGroup
			for range of.atOnce {
				movers.Go(func() {
					for user := range users {
						move := exec.CommandContext(b.Context(), program, "move-user", user)
						move.Env = []string{childVariable + "=1", "DATABASE_URL=" + source, "TARGET_DATABASE_URL=" + target}
						if output, err := move.CombinedOutput(); err != nil {
							b.Errorf("%v: %s", err, output)
						}
					}
				})
			}
			movers.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "users/s")
		})
	}
}
