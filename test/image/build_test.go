//go:build image && linux

package image

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// architectures are those that images are built for.
var architectures = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

func TestTwoBuildsInDifferentFoldersAreEqual(t *testing.T) {
	t.Parallel()
	first := theBuild(t)
	second, err := newBuild("a folder with another name")
	if err != nil {
		t.Fatal(err)
	}
	for architecture := range architectures {
		for _, file := range []string{"", ".cdx.json"} {
			ours, theirs := readFile(t, first.binary(architecture)+file), readFile(t, second.binary(architecture)+file)
			if !bytes.Equal(ours, theirs) {
				t.Errorf("todod%s differs on %s", file, architecture)
			}
		}
		ours, theirs := first.inspect(t, architecture), second.inspect(t, architecture)
		if diff := cmp.Diff(ours, theirs); diff != "" || !strings.HasPrefix(ours.FromImageDigest, "sha256:") {
			t.Errorf("the images for %s differ:\n%s", architecture, diff)
		}
	}
}

func TestTheImageHasWhatOrchestratorsRead(t *testing.T) {
	t.Parallel()
	for architecture := range architectures {
		image := theBuild(t).inspect(t, architecture)
		if image.Docker.OS != "linux" || image.Docker.Architecture != architecture {
			t.Errorf("%s: it is for %s/%s", architecture, image.Docker.OS, image.Docker.Architecture)
		}
		if created, err := time.Parse(time.RFC3339, image.Docker.Created); err != nil || created.Format(time.RFC3339) != testTime {
			t.Errorf("%s: created %s", architecture, image.Docker.Created)
		}
		want := imageConfig{
			User:         "65532:65532",
			StopSignal:   "SIGTERM",
			Entrypoint:   []string{"/todod"},
			Cmd:          []string{"serve"},
			ExposedPorts: map[string]any{"8080/tcp": map[string]any{}},
			Labels: map[string]string{
				"org.opencontainers.image.title":       "todod",
				"org.opencontainers.image.description": "The todo service: Connect, gRPC, gRPC-Web, JSON and REST on one port",
				"org.opencontainers.image.version":     testVersion,
				"org.opencontainers.image.revision":    testRevision,
				"org.opencontainers.image.created":     testTime,
			},
		}
		want.Healthcheck.Test = []string{"CMD", "/todod", "healthcheck"}
		want.Healthcheck.Interval, want.Healthcheck.Timeout = 10*time.Second, 5*time.Second
		if diff := cmp.Diff(want, image.Docker.Config); diff != "" {
			t.Errorf("%s: want and got differ:\n%s", architecture, diff)
		}
	}
}

// No shell, no package manager, no secret that lay about: the binary is all there is.
func TestTheImageHoldsOneStaticBinary(t *testing.T) {
	t.Parallel()
	b := theBuild(t)
	for architecture, machine := range architectures {
		root := b.mount(t, architecture)
		entries, err := os.ReadDir(root)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) != 1 || entries[0].Name() != "todod" {
			t.Fatalf("%s: it holds %v", architecture, entries)
		}
		path := filepath.Join(root, "todod")
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o555 {
			t.Errorf("%s: todod has mode %v", architecture, info.Mode())
		}
		if !bytes.Equal(readFile(t, path), readFile(t, b.binary(architecture))) {
			t.Errorf("%s: todod is not the one beside its bill of materials", architecture)
		}
		binary, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer binary.Close()
		libraries, err := binary.ImportedLibraries()
		if err != nil || len(libraries) > 0 || binary.Section(".interp") != nil {
			t.Errorf("%s: it needs %v, %v", architecture, libraries, err)
		}
		if binary.Machine != machine {
			t.Errorf("%s: it is for %v", architecture, binary.Machine)
		}
	}
}

func TestTheBillOfMaterialsListsWhatIsLinked(t *testing.T) {
	t.Parallel()
	for architecture := range architectures {
		var bill struct {
			Format   string `json:"bomFormat"`
			Metadata struct {
				Component struct{ Purl string }
			}
			Components []struct{ Name string }
		}
		if err := json.Unmarshal(readFile(t, theBuild(t).binary(architecture)+".cdx.json"), &bill); err != nil {
			t.Fatal(err)
		}
		want := "pkg:golang/example.com/todo-backend@" + testVersion + "?goarch=" + architecture + "&goos=linux&"
		if bill.Format != "CycloneDX" || !strings.HasPrefix(bill.Metadata.Component.Purl, want) {
			t.Errorf("%s: %s of %s", architecture, bill.Format, bill.Metadata.Component.Purl)
		}
		listed := make(map[string]bool)
		for _, component := range bill.Components {
			listed[component.Name] = true
		}
		// The driver is linked, and the leak detector of the tests isn't.
		if !listed["std"] || !listed["github.com/jackc/pgx/v5"] || listed["go.uber.org/goleak"] {
			t.Errorf("%s: it lists %v", architecture, listed)
		}
	}
}

func TestWithoutAnEngineOneSentenceSaysWhatToInstall(t *testing.T) {
	t.Parallel()
	// A PATH that has the programs of the script, and no engine.
	bin := t.TempDir()
	for _, program := range []string{"bash", "dirname", "date", "git"} {
		path, err := output(patience, nil, "sh", "-c", "command -v "+program)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(strings.TrimSpace(path), filepath.Join(bin, program)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := output(patience, []string{"ENGINE=", "PATH=" + bin}, filepath.Join(bin, "bash"), "../../tools/image.sh", "v1")
	if err == nil || !strings.Contains(err.Error(), "\nimage: install docker, podman or buildah") {
		t.Errorf("got %v", err)
	}
}

// As docs/operations.md says, but into a folder in place of a registry.
func TestBothImagesGoUnderOneName(t *testing.T) {
	t.Parallel()
	b, published := theBuild(t), t.TempDir()
	b.buildah(t, "manifest", "create", "todod-both", name("amd64"), name("arm64"))
	b.buildah(t, "manifest", "push", "--all", "todod-both", "dir:"+published)
	var list struct {
		Manifests []struct {
			Digest   string
			Platform struct{ Architecture, OS string }
		}
	}
	if err := json.Unmarshal(readFile(t, filepath.Join(published, "manifest.json")), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Manifests) != len(architectures) {
		t.Fatalf("it lists %+v", list)
	}
	for _, listed := range list.Manifests {
		var manifest struct{ Config struct{ Digest string } }
		path := filepath.Join(published, strings.TrimPrefix(listed.Digest, "sha256:")+".manifest.json")
		if err := json.Unmarshal(readFile(t, path), &manifest); err != nil {
			t.Fatal(err)
		}
		// A folder gets layers uncompressed, a registry as they are; the ID is the same.
		image := b.inspect(t, listed.Platform.Architecture)
		if listed.Platform.OS != "linux" || manifest.Config.Digest != "sha256:"+image.FromImageID {
			t.Errorf("%+v is %s, want %s", listed, manifest.Config.Digest, image.FromImageID)
		}
	}
}

// mount returns the folder of a new container's root.
func (b *build) mount(t *testing.T, architecture string) string {
	t.Helper()
	return b.buildah(t, "mount", b.from(t, architecture))
}

// from makes a container of an image, which is removed when the test has ended.
func (b *build) from(t *testing.T, architecture string) string {
	t.Helper()
	container := b.buildah(t, "from", "--pull-never", name(architecture))
	t.Cleanup(func() { b.buildah(t, "rm", container) })
	return container
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
