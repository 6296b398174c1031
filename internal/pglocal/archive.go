package pglocal

import (
	"archive/tar"
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strings"

	"github.com/ulikunitz/xz"
)

// maxUnpacked bounds the unpacked size of an archive. PostgreSQL 17 takes about 50 MB.
const maxUnpacked = 1 << 30

// archiveName returns the name of a system's archive in the project that builds the
// programs (github.com/zonkyio/embedded-postgres-binaries).
func archiveName(goos, goarch string, alpine bool) string {
	arch := goarch
	switch goarch {
	case "386":
		arch = "i386"
	case "arm":
		arch = "arm32v6" // Later processors run it too.
	case "arm64":
		arch = "arm64v8"
	}
	name := "embedded-postgres-binaries-" + goos + "-" + arch
	if alpine {
		name += "-alpine" // For its C library.
	}
	return name
}

// thisArchive returns the name of the archive for this machine.
func thisArchive() string {
	_, err := os.Stat("/etc/alpine-release")
	return archiveName(runtime.GOOS, runtime.GOARCH, err == nil)
}

// unpack unpacks the programs of an archive into a folder; no entry can be written
// outside it. An archive is a zip file (a jar) that contains a compressed tar file.
func unpack(ctx context.Context, archive *os.File, dir string) error {
	info, err := archive.Stat()
	if err != nil {
		return err
	}
	outer, err := zip.NewReader(archive, info.Size())
	if err != nil {
		return err
	}
	for _, file := range outer.File {
		if strings.HasSuffix(file.Name, ".txz") {
			return unpackTar(ctx, file, dir)
		}
	}
	return errors.New("no .txz in the archive")
}

// unpackTar unpacks the inner file of an archive.
func unpackTar(ctx context.Context, file *zip.File, dir string) error {
	packed, err := file.Open()
	if err != nil {
		return err
	}
	defer packed.Close()
	unpacked, err := xz.NewReader(packed)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	content := &io.LimitedReader{R: unpacked, N: maxUnpacked}
	for entries := tar.NewReader(content); ; {
		entry, err := entries.Next()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case content.N == 0:
			return fmt.Errorf("the archive holds more than %d bytes", maxUnpacked)
		case err == io.EOF:
			return openToAll(root)
		case err != nil:
			return err
		}
		if err := unpackEntry(root, entry, entries); err != nil {
			return err
		}
	}
}

// unpackEntry creates one file, folder or link of an archive.
func unpackEntry(root *os.Root, entry *tar.Header, content io.Reader) error {
	name := path.Clean(entry.Name)
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	switch entry.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeSymlink:
		return root.Symlink(entry.Linkname, name)
	case tar.TypeReg:
		file, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644|fs.FileMode(entry.Mode&0o111))
		if err != nil {
			return err
		}
		_, err = io.Copy(file, content)
		return errors.Join(err, file.Close())
	default:
		return fmt.Errorf("%s is neither a file nor a folder nor a symbolic link", entry.Name)
	}
}

// openToAll lets everybody read the unpacked files, and run those that their owner can
// run, whatever this process's umask is. When this process is root, the server runs as
// another user.
func openToAll(root *os.Root) error {
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if info.Mode()&0o100 != 0 { // Every folder, too.
			mode = 0o755
		}
		return root.Chmod(name, mode)
	})
}
