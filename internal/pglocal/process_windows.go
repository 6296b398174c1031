package pglocal

import (
	"context"
	"io"
	"os"
	"syscall"
)

// processAttributes has nothing to say: there is no account to change to on
// Windows.
func processAttributes(account) *syscall.SysProcAttr { return nil }

// commandLine is not known on Windows.
func commandLine(context.Context, int) (string, bool) { return "", false }

// ownerOf is not known on Windows.
func ownerOf(string) (int, bool) { return 0, false }

// lockFile opens a file that nobody else can open until it is closed, or this
// process has ended. It fails with [ErrInUse].
func lockFile(path string) (io.Closer, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	// ERROR_SHARING_VIOLATION, which package syscall does not name.
	const sharingViolation = syscall.Errno(32)
	handle, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE,
		0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	switch {
	case err == sharingViolation:
		return nil, ErrInUse
	case err != nil:
		return nil, err
	}
	return os.NewFile(uintptr(handle), path), nil
}
