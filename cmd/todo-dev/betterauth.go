package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// betterAuthPIDFile names Better Auth's process, in the folder where it runs.
const betterAuthPIDFile = "better-auth.pid"

// secretLength is how many random bytes Better Auth's secret is made of.
const secretLength = 32

// betterAuth starts the real issuer.
type betterAuth struct {
	node, program string // Absolute.
	dir           string // Where it runs.
	databaseURL   string
	secret        string
}

// serve runs the issuer on the port, or on the next that is free, and returns
// when it is ready. Pages of the given origins may call it.
func (b *betterAuth) serve(ctx context.Context, port int, origins string) (*child, error) {
	address, err := freeAddress(ctx, port)
	if err != nil {
		return nil, fmt.Errorf("the issuer: %w", err)
	}
	// No context: stop ends the process, and lets it drain.
	cmd := exec.CommandContext(context.Background(), b.node, b.program)
	cmd.Dir = b.dir
	cmd.Env = environment(
		"DATABASE_URL="+b.databaseURL,
		"BETTER_AUTH_URL="+localURL(address),
		"BETTER_AUTH_SECRET="+b.secret,
		"TRUSTED_ORIGINS="+origins,
		"HOST="+address.IP.String(),
		"PORT="+strconv.Itoa(address.Port),
	)
	return startChild(ctx, "Better Auth", cmd, localURL(address), "/health", filepath.Join(b.dir, betterAuthPIDFile))
}

// keptSecret reads a secret from a file, which it makes when there is none.
// Better Auth encrypts its signing keys with it, so it belongs to the database.
func keptSecret(file string) (string, error) {
	content, err := os.ReadFile(file)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return strings.TrimSpace(string(content)), err
	}
	random := make([]byte, secretLength)
	_, _ = rand.Read(random) // It never fails.
	secret := base64.StdEncoding.EncodeToString(random)
	// Under its name the file is complete, whenever this process ends.
	unfinished := file + ".new"
	if err := os.WriteFile(unfinished, []byte(secret+"\n"), 0o600); err != nil {
		return "", err
	}
	return secret, os.Rename(unfinished, file)
}
