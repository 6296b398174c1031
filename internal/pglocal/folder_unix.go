//go:build unix

package pglocal

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// credential returns what a process needs to run as the account, nil when that is
// our own.
func credential(a account) *syscall.Credential {
	if a.isOwn() {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// ownerOf returns the number of the user who owns a file, and whether the file
// is there.
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

// Close lets go of the lock. Closing the file alone would not: a process that
// is just being forked holds it open, and the lock with it, until its exec.
func (l *fileLock) Close() error {
	return errors.Join(syscall.Flock(int(l.Fd()), syscall.LOCK_UN), l.File.Close())
}
