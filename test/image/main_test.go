//go:build image && linux

package image

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/todo-backend/internal/childprocess"
	"example.com/todo-backend/internal/postgres/pgtest"
)

const (
	// patience bounds every wait for a process. It is no measure of speed.
	patience = time.Minute
	// buildPatience bounds a build, which may have to compile everything.
	buildPatience = 15 * time.Minute
)

// What the images are built as.
const (
	testVersion  = "v1.2.3-test"
	testRevision = "0123456789abcdef0123456789abcdef01234567"
	testTime     = "2026-02-03T04:05:06Z"
	testEpoch    = "1770091506" // testTime.
	testImage    = "registry.example.com/todod"
)

// work is a folder for all tests: builds, and buildah's stores. It is a variable of the
// package because all tests share one build.
var work string

func TestMain(m *testing.M) {
	var err error
	if work, err = os.MkdirTemp("", "todo-image-"); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
	code := pgtest.Main(m)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, "image: what outlives the tests:", err)
		code = 1
	}
	if err := os.RemoveAll(work); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, "image:", err)
		code = 1
	}
	os.Exit(code)
}

// build is a build of the images, in a folder of its own and with a store of its own.
type build struct {
	folder string // A copy of the sources.
	store  string // The file that names buildah's store.
}

// firstBuild is the build that most tests use.
var firstBuild = sync.OnceValues(func() (*build, error) { return newBuild("first") })

// theBuild returns the first build.
func theBuild(t *testing.T) *build {
	t.Helper()
	b, err := firstBuild()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// newBuild copies the sources into a new folder, and builds the images there.
func newBuild(name string) (*build, error) {
	dir := filepath.Join(work, name)
	b := &build{folder: filepath.Join(dir, "sources"), store: filepath.Join(dir, "storage.conf")}
	if err := os.MkdirAll(b.folder, 0o755); err != nil {
		return nil, err
	}
	// Of the drivers, vfs works everywhere, within another container too.
	conf := fmt.Sprintf("[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n",
		filepath.Join(dir, "store"), filepath.Join(dir, "run"))
	if err := os.WriteFile(b.store, []byte(conf), 0o600); err != nil {
		return nil, err
	}
	const copied = `git ls-files -z --cached --others --exclude-standard | tar --null -T - -c | tar -x -C "$0"`
	if _, err := output(buildPatience, nil, "sh", "-c", "cd ../.. && "+copied, b.folder); err != nil {
		return nil, err
	}
	_, err := b.make(nil)
	return b, err
}

// make runs `make image` and returns what it prints.
func (b *build) make(environment []string) (string, error) {
	return output(buildPatience, append([]string{
		"CONTAINERS_STORAGE_CONF=" + b.store,
		"ENGINE=buildah",
		"IMAGE=" + testImage,
		"REVISION=" + testRevision,
		"SOURCE_DATE_EPOCH=" + testEpoch,
	}, environment...), "make", "-C", b.folder, "image", "VERSION="+testVersion)
}

// binary returns the path of an architecture's binary.
func (b *build) binary(architecture string) string {
	return filepath.Join(b.folder, "bin", "image", "linux-"+architecture, "todod")
}

// buildah runs buildah on the build's store and returns what it prints.
func (b *build) buildah(t *testing.T, args ...string) string {
	t.Helper()
	printed, err := output(patience, []string{"CONTAINERS_STORAGE_CONF=" + b.store}, "buildah", args...)
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace([]byte(printed)))
}

// inspected is what buildah says about an image.
type inspected struct {
	FromImageDigest, FromImageID string
	Docker                       struct {
		Architecture, OS, Created string
		Config                    imageConfig
	}
}

// imageConfig is the configuration of an image, in Docker's format.
type imageConfig struct {
	User, StopSignal string
	Entrypoint, Cmd  []string
	ExposedPorts     map[string]any
	Labels           map[string]string
	Healthcheck      struct {
		Test              []string
		Interval, Timeout time.Duration
	}
}

// inspect describes the image of an architecture.
func (b *build) inspect(t *testing.T, architecture string) (image inspected) {
	t.Helper()
	text := b.buildah(t, "inspect", "--type", "image", name(architecture))
	if err := json.Unmarshal([]byte(text), &image); err != nil {
		t.Fatal(err)
	}
	return image
}

// name returns the name of an architecture's image.
func name(architecture string) string { return testImage + ":" + testVersion + "-" + architecture }

// output runs a program and returns what it prints. Its error has what the program
// printed to stderr.
func output(timeout time.Duration, environment []string, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), environment...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second
	if err := childprocess.Run(cmd); err != nil {
		return "", fmt.Errorf("%s %q: %w\n%s%s", program, args, err, &stdout, &stderr)
	}
	return stdout.String(), nil
}
