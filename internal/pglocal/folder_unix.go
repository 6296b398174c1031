//go:build unix

package pglocal

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// credential returns the credential of a process that runs as the account.
func credential(a *account) *syscall.Credential {
	if a == nil {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// ownerOf returns the user ID of a file's owner, and whether the file exists.
func ownerOf(path string) (int, bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}

// lockFile opens a file and locks it until it is closed, or this process has
// ended. It fails with [ErrInUse].
func lockFile(path string) (io.Closer, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrInUse
		}
		return nil, err
	}
	return &fileLock{File: file}, nil
}

// fileLock is a locked file.
type fileLock struct{ *os.File }

// Close releases the lock. Closing the file alone is not enough: a process that is just
// being forked keeps the file open, and so the lock, until its exec.
func (l *fileLock) Close() error {
	return errors.Join(syscall.Flock(int(l.Fd()), syscall.LOCK_UN), l.File.Close())
}
