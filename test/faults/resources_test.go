//go:build linux

package faults

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
	"github.com/jackc/pgx/v5"
)

func TestTooManyConnections(t *testing.T) {
	const most = 20
	r := newRow(t, "too many connections")
	server := pgtest.StartServer(t, map[string]string{"max_connections": "20", "superuser_reserved_connections": "2"})
	admin := stack.Session(t, server.URL())
	// The reserve is for superusers, so the service must not be one.
	stack.Execute(t, admin, `CREATE ROLE service LOGIN; GRANT ALL ON todo, todo_account, todo_request TO service`)
	database := "postgres://service@" + stack.HostOf(server.URL()) + "/todo?sslmode=disable"
	s := startTodod(t, stack.StartIssuer(t), database, nil)
	client := stack.NewClient(t, false)
	s.Create(t, client, "u") // One connection is there.

	var others []*pgx.Conn
	for range most {
		conn, err := pgx.Connect(t.Context(), database)
		if err != nil {
			break
		}
		others = append(others, conn)
	}
	l := load.Start(t, s.URL, s.Issuer, 100)
	during := l.During(3 * time.Second)
	for _, conn := range others {
		_ = conn.Close(t.Context()) // It only had to be there.
	}
	recovered := l.Recovered(t, time.Now())

	r.Did("others took %d, all but the service's own one, for 3 s at 100 calls/s", len(others))
	report.AtLeast(r, "taken", len(others), most/2)
	r.Note("answers", during)
	r.None("answers other than 200 and 503", len(during.Without(http.StatusOK, http.StatusServiceUnavailable)))
	report.AtLeast(r, "served by the one that it has", len(during.With(http.StatusOK)), 100)
	report.AtMost(r, "served again within", recovered, load.RecoveryBound)
	l.Check(r, server.URL())
}

func TestDiskFull(t *testing.T) {
	const megabytes = "8m"
	r := newRow(t, "disk full")
	server := pgtest.StartServer(t, nil)
	account := stack.Unprivileged(t)
	if account == nil {
		t.Fatal("a small disk can't be mounted: run this as root")
	}
	disk := stack.FolderFor(t, account)
	options := fmt.Sprintf("size=%s,mode=0700,uid=%d,gid=%d", megabytes, account.Uid, account.Gid)
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, options); err != nil {
		t.Fatalf("a small disk can't be mounted, for which root needs the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	admin := stack.Session(t, server.URL())
	stack.Execute(t, admin, `CREATE TABLESPACE small LOCATION '`+disk+`'`)
	stack.Execute(t, admin, `ALTER TABLE todo SET TABLESPACE small`)
	s := startTodod(t, stack.StartIssuer(t), server.URL(), nil)
	l := load.Start(t, s.URL, s.Issuer, 100)
	l.During(time.Second)

	filler := filepath.Join(disk, "filler")
	file, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	_, full := file.ReadFrom(zeros{})
	if err := file.Close(); full == nil || err != nil {
		t.Fatalf("the disk has no end: %v %v", full, err)
	}
	from := time.Now()
	stack.Eventually(t, "a write is refused", func() bool {
		return len(l.SoFar().Between(from, time.Now()).Failed()) > 0
	})
	during := l.During(3 * time.Second)
	reads := load.StartReads(t, s.URL, s.Issuer, 50)
	r.Try(func(r *report.Row) { served(r, "reads", reads.During(time.Second)) })
	reads.Finish()
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	recovered := l.Recovered(t, time.Now())

	r.Did("filled the disk of the table at 100 calls/s")
	r.Note("answers", during)
	r.None("answers other than 200 and 503", len(during.Without(http.StatusOK, http.StatusServiceUnavailable)))
	report.AtLeast(r, "writes refused", len(during.With(http.StatusServiceUnavailable)), 10)
	report.AtMost(r, "served again within", recovered, load.RecoveryBound)
	l.Check(r, server.URL())
}

// zeros is read without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
