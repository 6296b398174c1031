package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestTheConstantsAreTheServices finds each constant in the file that has it, and compares
// its value.
func TestTheConstantsAreTheServices(t *testing.T) {
	t.Parallel()
	for _, constant := range []struct {
		file, name string
		value      any // As it is here: a number, or a time.
	}{
		{"internal/todo/page.go", "DefaultPageSize", watchPage},
		{"internal/watch/poll.go", "pollInterval", pollInterval},
		{"internal/watch/poll.go", "pollJitter", pollJitter},
		{"internal/watch/poll.go", "maxPollInterval", maxPollInterval},
		{"internal/watch/poll.go", "pollOwners", pollOwners},
		{"internal/watch/feed.go", "maxReads", maxReads},
		{"internal/watch/feed.go", "readTimeout", readTimeout},
		{"internal/watch/feed.go", "giveUpAfter", giveUpAfter},
		{"internal/rpc/rpc.go", "watchDuration", streamLength},
		{"internal/rpc/errors.go", "watchRetry", watchRetry},
		{"internal/database/bounds.go", "acquireTimeout", acquireTimeout},
		{"internal/database/dial.go", "maxDialDelay", maxDialDelay},
		{"internal/server/errors.go", "retrySoon", retrySoon},
		{"internal/server/errors.go", "reopenSpread", reopenSpread},
		{"web/app/src/sync/backoff.ts", "firstPause", int(firstPause.Milliseconds())},
		{"web/app/src/sync/backoff.ts", "longestPause", int(longestPause.Milliseconds())},
	} {
		found := regexp.MustCompile(`\b` + constant.name + ` += +(?:([0-9._]+)(?: \* )?)?(?:time\.(\w+))?`).FindStringSubmatch(source(t, constant.file))
		if found == nil {
			t.Errorf("%s has no %s", constant.file, constant.name)
			continue
		}
		if want := fmt.Sprint(constant.value); valueOf(t, found[1], found[2]) != want {
			t.Errorf("%s is %q in %s, and %s in bench/simulate", constant.name, found[0], constant.file, want)
		}
	}
}

// valueOf returns a number, or so many of a unit of [time], as fmt prints it.
func valueOf(t *testing.T, digits, unit string) string {
	t.Helper()
	number, err := strconv.ParseFloat(strings.ReplaceAll(cmp.Or(digits, "1"), "_", ""), 64)
	if err != nil {
		t.Fatal(err)
	}
	if unit == "" {
		return fmt.Sprint(number)
	}
	units := map[string]time.Duration{"Millisecond": time.Millisecond, "Second": time.Second, "Minute": time.Minute}
	if units[unit] == 0 {
		t.Fatalf("a unit of %q", unit)
	}
	return fmt.Sprint(time.Duration(number * float64(units[unit])))
}

// TestTheSettingsAreTheServices finds those of the service and of the balancers.
func TestTheSettingsAreTheServices(t *testing.T) {
	t.Parallel()
	a := usualAssumptions()
	check := fmt.Sprintf("check inter %ds fall %d rise 1", int(betweenChecks.Seconds()), checksToTakeOut)
	for _, setting := range []struct{ file, text string }{
		{"cmd/todod/config.go", fmt.Sprintf(`env:"WATCHES" envDefault:"%v"`, int(a.watches.value))},
		{"cmd/todod/config.go", fmt.Sprintf(`env:"DATABASE_MAX_CONNS" envDefault:"%v"`, a.conns.value)},
		{"cmd/todod/config.go", `env:"MAX_CONNECTIONS" envDefault:"4096"`}, // Of which the assumption says that it is raised.
		{"deploy/haproxy/cells.cfg", fmt.Sprintf("crc32,mod(%d)", slots)},
		{"deploy/haproxy/cells.cfg", check},
		{"deploy/haproxy/one-cell.cfg", check},
	} {
		if text := regexp.MustCompile(` +`).ReplaceAllString(source(t, setting.file), " "); !strings.Contains(text, setting.text) {
			t.Errorf("%s has no %q: bench/simulate has another value", setting.file, setting.text)
		}
	}
}

// source returns a file of the repository.
func source(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
