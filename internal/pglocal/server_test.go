//go:build unix

package pglocal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/todo-backend/internal/childprocess"
)

// childVariable makes the test binary start a server in the folder that it
// names, and then wait to be killed.
const childVariable = "PGLOCAL_TEST_CHILD"

// TestMain fails when a goroutine outlives the tests.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		os.Exit(child(dir))
	}
	goleak.VerifyTestMain(m)
}

// child runs a server, says where, and lives until its input ends.
func child(dir string) int {
	s, err := Start(context.Background(), Config{Dir: dir, Disposable: true})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(s.process.ID(), s.Port())
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// findOnce looks for PostgreSQL, or downloads it, once for all tests: where it
// can't be had, each of them fails at once.
var findOnce = sync.OnceValues(func() (string, error) {
	return Find(context.Background(), os.Getenv(MirrorVariable), os.Stderr)
})

// programs returns the folder of PostgreSQL's programs.
func programs(t *testing.T) string {
	t.Helper()
	bin, err := findOnce()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// serverDir returns a folder for a server, not made yet, on a machine that has
// PostgreSQL.
func serverDir(t *testing.T) string {
	t.Helper()
	programs(t)
	return newDir(t)
}

// newDir returns a folder, not made yet, that PostgreSQL's user can enter.
func newDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pglocal-test-") //nolint:usetesting // When root tests, t.TempDir is closed to that user.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "server")
}

// startIn starts a server that is stopped when the test has ended.
func startIn(t *testing.T, dir string) *Server {
	t.Helper()
	s, err := Start(t.Context(), Config{Dir: dir, Disposable: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// answers reports whether PostgreSQL listens on the port: it answers a request
// for TLS with one letter, N when it has none.
func answers(t *testing.T, port int) bool {
	t.Helper()
	conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), 5*time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Write([]byte{0, 0, 0, 8, 4, 210, 22, 47}); err != nil {
		return false
	}
	letter := make([]byte, 1)
	_, err = io.ReadFull(conn, letter)
	return err == nil && (letter[0] == 'N' || letter[0] == 'S')
}

// waitUntil polls a condition that comes true by another process's doing.
func waitUntil(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestAServerAnswersUntilItIsStoppedAndComesBackWithItsData(t *testing.T) {
	t.Parallel()
	dir := serverDir(t)
	s := startIn(t, dir)
	if !answers(t, s.Port()) {
		t.Error("does not answer after Start")
	}
	want := fmt.Sprintf("postgres://todo@127.0.0.1:%d/a%%20b?sslmode=disable", s.Port())
	if got := s.URL("a b"); got != want {
		t.Errorf("URL = %s, want %s", got, want)
	}
	before, err := os.Stat(s.cluster.data)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-s.Done():
	default:
		t.Error("Done is open after Stop")
	}
	if answers(t, s.Port()) {
		t.Error("answers after Stop")
	}

	again := startIn(t, dir)
	after, err := os.Stat(again.cluster.data)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) {
		t.Error("the second start made new data")
	}
}

func TestAFolderTakesOneServerAtATime(t *testing.T) {
	t.Parallel()
	dir := serverDir(t)
	s := startIn(t, dir)
	if _, err := Start(t.Context(), Config{Dir: dir}); !errors.Is(err, ErrInUse) {
		t.Errorf("Start: %v, want ErrInUse", err)
	}
	if err := Remove(t.Context(), dir); !errors.Is(err, ErrInUse) {
		t.Errorf("Remove: %v, want ErrInUse", err)
	}
	if !answers(t, s.Port()) {
		t.Error("the first server was disturbed")
	}
}

func TestAKilledServerIsRecovered(t *testing.T) {
	t.Parallel()
	dir := serverDir(t)
	s := startIn(t, dir)
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if s := startIn(t, dir); !answers(t, s.Port()) {
		t.Error("does not answer after the crash")
	}
}

func TestAKilledProcessTakesItsServerAlong(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux sends a signal when a parent dies")
	}
	dir := serverDir(t)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), childVariable+"="+dir)
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var pid, port int
	if _, err := fmt.Sscan(line, &pid, &port); err != nil {
		t.Fatalf("the child says %q", line)
	}
	if !answers(t, port) {
		t.Fatal("the child's server does not answer")
	}

	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	waitUntil(t, "the postmaster's end", func() bool {
		return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || isZombie(pid)
	})
	if s := startIn(t, dir); !answers(t, s.Port()) {
		t.Error("the folder is not usable afterwards")
	}
}

// isZombie reports whether a process has ended and only waits to be reaped,
// by a process 1 that may not care.
func isZombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestAServerLeftRunningIsReplaced(t *testing.T) {
	t.Parallel()
	dir := serverDir(t)
	s := startIn(t, dir)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	// This server belongs to nobody: pg_ctl starts it and goes.
	port, err := freePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = s.cluster.run(t.Context(), filepath.Join(s.cluster.bin, "pg_ctl"), "start", "-D", s.cluster.data,
		"-w", "-l", s.cluster.data+".log", "-o", fmt.Sprintf("-p %d -k '' -h 127.0.0.1", port))
	if err != nil {
		t.Fatal(err)
	}
	if s := startIn(t, dir); !answers(t, s.Port()) {
		t.Error("the new server does not answer")
	}
	if answers(t, port) {
		t.Error("the old server still runs")
	}
}

func TestAPIDFileThatNamesAnotherProcessIsNoObstacle(t *testing.T) {
	t.Parallel()
	dir := serverDir(t)
	s := startIn(t, dir)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sleep", "600")
	s.cluster.confine(cmd) // A process of PostgreSQL's user, as it would look for.
	other, err := childprocess.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	content := fmt.Sprintf("%d\n%s\n1\n%d\n\n127.0.0.1\n0 0\nready   \n", other.ID(), s.cluster.data, s.Port())
	if err := os.WriteFile(s.cluster.pidFile(), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	if s := startIn(t, dir); !answers(t, s.Port()) {
		t.Error("does not answer")
	}
	if err := other.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the other process: %v", err)
	}
	if err := other.Kill(); err != nil {
		t.Error(err)
	}
}

func TestDataThatWereNeverFinishedAreMadeAnew(t *testing.T) {
	t.Parallel()
	dir := serverDir(t)
	unfinished := filepath.Join(dir, "data.new")
	if err := os.MkdirAll(unfinished, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(unfinished, "PG_VERSION"), []byte("15\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if s := startIn(t, dir); !answers(t, s.Port()) {
		t.Error("does not answer")
	}
}

func TestATakenPortFailsWithTheServersOwnWords(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := int(netip.MustParseAddrPort(listener.Addr().String()).Port())
	_, err = Start(t.Context(), Config{Dir: serverDir(t), Port: port, Disposable: true})
	if err == nil || !strings.Contains(err.Error(), strconv.Itoa(port)) {
		t.Errorf("Start: %v, want an error that names port %d", err, port)
	}
}

func TestSettingsReachTheServer(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), Config{Dir: serverDir(t), Disposable: true, Settings: map[string]string{"max_connections": "none"}})
	if err == nil || !strings.Contains(err.Error(), "max_connections") {
		t.Errorf("Start with a bad setting: %v, want an error that names it", err)
	}
}

func TestACancelledStartLeavesTheFolderUsable(t *testing.T) {
	t.Parallel()
	dir := serverDir(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, Config{Dir: dir, Disposable: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("Start: %v, want context.Canceled", err)
	}
	startIn(t, dir)
}

func TestRemoveDeletesAStoppedServer(t *testing.T) {
	t.Parallel()
	dir := serverDir(t)
	if err := startIn(t, dir).Stop(); err != nil {
		t.Fatal(err)
	}
	if err := Remove(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder: %v, want none", err)
	}
}

func TestRootIsToldOfAFolderThatPostgreSQLCannotEnter(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root runs PostgreSQL as another user")
	}
	dir := serverDir(t)
	if err := os.Chmod(filepath.Dir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Config{Dir: dir, Disposable: true})
	if !errors.Is(err, ErrUnreachable) {
		t.Errorf("Start: %v, want ErrUnreachable", err)
	}
}

func TestDataOfAVersionThatIsNotHereAreLeftAlone(t *testing.T) {
	t.Parallel()
	dir := serverDir(t)
	s := startIn(t, dir)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.cluster.data, "PG_VERSION")
	if err := os.WriteFile(path, []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Config{Dir: dir, Disposable: true})
	if err == nil || !strings.Contains(err.Error(), "PostgreSQL 9") {
		t.Errorf("Start: %v, want an error that names the version", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the data: %v", err)
	}
}
