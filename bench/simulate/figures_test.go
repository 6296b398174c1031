package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheConstantsAreTheServices finds each constant where its comment says it is.
func TestTheConstantsAreTheServices(t *testing.T) {
	t.Parallel()
	for _, constant := range []struct{ file, line string }{
		{"cmd/todod/config.go", `env:"WATCHES" envDefault:"10000"`},
		{"cmd/todod/config.go", `env:"DATABASE_MAX_CONNS" envDefault:"16"`},
		{"internal/todo/page.go", "DefaultPageSize = 50"},
		{"internal/watch/poll.go", "pollInterval = time.Second"},
		{"internal/watch/poll.go", "pollJitter = 0.1"},
		{"internal/watch/poll.go", "maxPollInterval = 5 * time.Second"},
		{"internal/watch/poll.go", "pollOwners = 1000"},
		{"internal/watch/feed.go", "maxReads = 32"},
		{"internal/watch/feed.go", "readTimeout = 10 * time.Second"},
		{"internal/watch/feed.go", "giveUpAfter = 30 * time.Second"},
		{"internal/rpc/rpc.go", "watchDuration = 15 * time.Minute"},
		{"internal/database/bounds.go", "acquireTimeout = time.Second"},
		{"internal/database/dial.go", "maxDialDelay = 500 * time.Millisecond"},
		{"internal/server/errors.go", "retrySoon = time.Second"},
		{"internal/server/errors.go", "reopenSpread = 5 * time.Second"},
		{"web/app/src/sync/backoff.ts", "firstPause = 500;"},
		{"web/app/src/sync/backoff.ts", "longestPause = 10_000;"},
		{"deploy/haproxy/cells.cfg", "crc32,mod(4096)"},
		{"deploy/haproxy/cells.cfg", "check inter 1s fall 2 rise 1"},
	} {
		content, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(constant.file)))
		if err != nil {
			t.Error(err)
			continue
		}
		if text := regexp.MustCompile(` +`).ReplaceAllString(string(content), " "); !strings.Contains(text, constant.line) {
			t.Errorf("%s has no %q: bench/simulate has another value", constant.file, constant.line)
		}
	}
}
