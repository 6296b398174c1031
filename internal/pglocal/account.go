package pglocal

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
)

// account is a user of the operating system that programs run as.
type account struct {
	name     string
	uid, gid uint32
}

// unprivileged returns the account that PostgreSQL runs as, since it refuses root: the
// owner of existing data, else postgres, else nobody. It returns nil when this process
// is not root; then PostgreSQL runs as the same user.
func unprivileged(data string) (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	if uid, found := ownerOf(data); found && uid != 0 {
		if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
			return newAccount(u)
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			return newAccount(u)
		}
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as: add one, or run this as another user")
}

// newAccount returns the account of a user.
func newAccount(u *user.User) (*account, error) {
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", u.Username, err)
	}
	return &account{name: u.Username, uid: uint32(uid), gid: uint32(gid)}, nil
}
