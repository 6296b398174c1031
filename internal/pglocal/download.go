package pglocal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

const (
	downloadVersion = embeddedpostgres.V17
	downloadMajor   = 17
	downloadTimeout = 5 * time.Minute

	// repository is where the programs come from: Maven Central.
	repository = "https://repo1.maven.org/maven2"
)

// downloadedPrograms returns the folder that downloaded programs are kept in.
func downloadedPrograms(cacheDir string) string {
	return filepath.Join(cacheDir, "postgresql-"+string(downloadVersion), "bin")
}

// download fetches PostgreSQL into the cache folder, of which an archive and
// the unpacked programs are part, and returns the programs' folder. The library
// can't be interrupted: after a timeout it may go on in the background, at
// most as long as the network lets it.
func download(ctx context.Context, cacheDir, repository string) (string, error) {
	if err := os.MkdirAll(cacheDir, 0o750); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	port, err := freePort(ctx)
	if err != nil {
		return "", err
	}
	fetched := make(chan error, 1)
	go func() { fetched <- fetch(cacheDir, repository, port) }()
	select {
	case err := <-fetched:
		return downloadedPrograms(cacheDir), err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// fetch downloads and unpacks the programs. The library does so only as part
// of starting a server, which is tried out on the way and stopped.
func fetch(cacheDir, repository string, port int) error {
	work, err := os.MkdirTemp(cacheDir, "unpack-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	unpacked := filepath.Join(work, "postgresql")
	server := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(downloadVersion).
		BinaryRepositoryURL(repository).
		CachePath(cacheDir).
		BinariesPath(unpacked).
		RuntimePath(filepath.Join(work, "run")).
		Port(uint32(port)). //nolint:gosec // G115: a TCP port fits.
		StartParameters(map[string]string{"unix_socket_directories": ""}).
		Logger(io.Discard))
	if err := server.Start(); err != nil {
		return err
	}
	if err := server.Stop(); err != nil {
		return fmt.Errorf("stop the server that tried the programs out: %w", err)
	}

	// The folder gets its name when it is complete. Another process may have
	// been faster with the same content.
	final := filepath.Dir(downloadedPrograms(cacheDir))
	if err := os.Rename(unpacked, final); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
