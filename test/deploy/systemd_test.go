//go:build linux

package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// maxExposure is the worst rating that `systemd-analyze security` may give, of 10. What
// remains is mostly the network, which the service is there for.
const maxExposure = 1.5

// verifyUnit runs [verify] on a unit of the service, whose program is the built one.
func verifyUnit(t *testing.T, unit string) string {
	t.Helper()
	replace(t, unit, "/usr/local/bin/todod", absolute(t, *program))
	return verify(t, unit)
}

// verify runs `systemd-analyze verify` on a unit and its drop-ins. It returns what systemd
// says: warnings too, with which it would still start the unit.
func verify(t *testing.T, unit string) string {
	t.Helper()
	said, err := exec.CommandContext(t.Context(), needProgram(t, "systemd-analyze", "systemd"), "verify", "--man=no", unit).CombinedOutput()
	if err != nil {
		return string(said) + err.Error()
	}
	return string(said)
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSystemdUnitsAreValid(t *testing.T) {
	for _, name := range []string{"todod.service", "todod-migrate.service"} {
		if said := verifyUnit(t, filepath.Join(copied(t, "systemd"), name)); said != "" {
			t.Errorf("%s: %s", name, said)
		}
	}
}

// TestTheWatchdogsDropInIsValid has it beside a unit with what it needs of Debian's.
func TestTheWatchdogsDropInIsValid(t *testing.T) {
	unit := filepath.Join(t.TempDir(), "patroni.service")
	write(t, unit, "[Service]\nUser=postgres\nExecStart=/bin/true\n")
	if err := os.Mkdir(unit+".d", 0o755); err != nil {
		t.Fatal(err)
	}
	dropIn := filepath.Join(unit+".d", "watchdog.conf")
	write(t, dropIn, read(t, "deploy", "patroni", "watchdog.conf"))
	replace(t, dropIn, "/sbin/modprobe", "/bin/true") // The machine may have none.
	if said := verify(t, unit); said != "" {
		t.Error(said)
	}
	replace(t, dropIn, "ExecStartPre=", "ExecStrtPre=")
	if said := verify(t, unit); said == "" {
		t.Error("systemd doesn't read the drop-in")
	}
}

func TestABrokenUnitIsFound(t *testing.T) {
	for name, change := range map[string][2]string{
		"a misspelt key":       {"RestartSec=", "RestrtSec="},
		"no duration":          {"TimeoutStopSec=25", "TimeoutStopSec=soon"},
		"an unknown signal":    {"KillSignal=SIGTERM", "KillSignal=SIGTREM"},
		"an unknown type":      {"Type=exec", "Type=exce"},
		"an unknown call":      {"~@privileged", "~@priviledged"},
		"a program that isn't": {"todod serve", "tododd serve"},
	} {
		t.Run(name, func(t *testing.T) {
			unit := filepath.Join(copied(t, "systemd"), "todod.service")
			replace(t, unit, change[0], change[1])
			if said := verifyUnit(t, unit); said == "" {
				t.Error("systemd finds nothing")
			}
		})
	}
}

func TestSystemdUnitsAreHardened(t *testing.T) {
	for _, unit := range files(t, "*.service") {
		said, err := exec.CommandContext(t.Context(), needProgram(t, "systemd-analyze", "systemd"),
			"security", "--offline=true", "--no-pager", unit).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		rating := regexp.MustCompile(`Overall exposure level for .*: ([0-9.]+) `).FindSubmatch(said)
		if rating == nil {
			t.Fatalf("no rating: %s", said)
		}
		exposure, err := strconv.ParseFloat(string(rating[1]), 64)
		if err != nil || exposure > maxExposure {
			t.Errorf("%s: exposure %v, want %v at most\n%s", unit, exposure, maxExposure, said)
		}
	}
}

func TestSystemdSettings(t *testing.T) {
	for unit, like := range map[string]struct{ example, settings string }{
		"todod.service":         {"todod.env.example", serveSettings},
		"todod-migrate.service": {"migrate.env.example", migrateSettings},
	} {
		content := read(t, "deploy", "systemd", unit)
		file, _ := strings.CutSuffix(like.example, ".example")
		if valueOf(t, content, "EnvironmentFile") != "/etc/todod/"+file {
			t.Errorf("%s reads another file than %s", unit, file)
		}
		settingsOf(t, like.settings).check(t, like.example, variables(t, read(t, "deploy", "systemd", like.example)))
	}
}

func TestSystemdGivesTheServiceItsTimeAndMemory(t *testing.T) {
	unit := read(t, "deploy", "systemd", "todod.service")
	seconds, err := strconv.Atoi(valueOf(t, unit, "TimeoutStopSec"))
	if err != nil {
		t.Fatal(err)
	}
	environment := variables(t, read(t, "deploy", "systemd", "todod.env.example"))
	checkDrain(t, "systemd", environment["SHUTDOWN_DELAY"], time.Duration(seconds)*time.Second)

	limit, ok := strings.CutSuffix(valueOf(t, unit, "MemoryMax"), "M")
	mebibytes, err := strconv.ParseInt(limit, 10, 64)
	if !ok || err != nil {
		t.Fatalf("MemoryMax=%s", limit)
	}
	checkMemory(t, "systemd", variables(t, valueOf(t, unit, "Environment"))["GOMEMLIMIT"], mebibytes<<20)
}

// valueOf returns the value of a key that a unit has once.
func valueOf(t *testing.T, unit, key string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^`+key+`=(.*)$`).FindAllStringSubmatch(unit, -1)
	if len(found) != 1 {
		t.Fatalf("%s is there %d times", key, len(found))
	}
	return found[0][1]
}
