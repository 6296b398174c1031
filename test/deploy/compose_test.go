//go:build linux

package deploy

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// blanks are the variables of .env.example that have no value there.
var blanks = []string{"TODO_IMAGE", "BETTER_AUTH_SECRET", "POSTGRES_PASSWORD", "TODO_OWNER_PASSWORD", "TODOD_PASSWORD", "AUTH_DATABASE_PASSWORD"}

// loadCompose reads compose.yaml in a folder as docker compose does, with the variables of
// .env.example, made-up values for the blanks, and some more.
func loadCompose(ctx context.Context, dir string, more map[string]string) (*types.Project, error) {
	example, err := os.ReadFile(filepath.Join(dir, ".env.example"))
	if err != nil {
		return nil, err
	}
	dotenv := string(example)
	for _, name := range blanks {
		dotenv = strings.Replace(dotenv, "\n"+name+"=\n", "\n"+name+"="+strings.Repeat(name[:1], 48)+"\n", 1)
	}
	for _, name := range slices.Sorted(maps.Keys(more)) {
		dotenv += name + "=" + more[name] + "\n"
	}
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte(dotenv), 0o600); err != nil {
		return nil, err
	}
	options, err := cli.NewProjectOptions([]string{filepath.Join(dir, "compose.yaml")},
		cli.WithWorkingDirectory(dir), cli.WithEnvFiles(), cli.WithDotEnv)
	if err != nil {
		return nil, err
	}
	return options.LoadProject(ctx)
}

// compose returns deploy/compose as docker compose reads it.
func compose(t *testing.T, more map[string]string) *types.Project {
	t.Helper()
	project, err := loadCompose(t.Context(), copied(t, "compose"), more)
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// environmentOf returns what a service of a compose file runs with.
func environmentOf(t *testing.T, project *types.Project, service string) map[string]string {
	t.Helper()
	environment := make(map[string]string)
	for name, value := range project.Services[service].Environment {
		if value == nil {
			t.Fatalf("%s of %s comes from the caller's environment", name, service)
		}
		environment[name] = *value
	}
	return environment
}

func TestComposeLoads(t *testing.T) {
	project := compose(t, nil)
	if got, want := project.ServiceNames(), []string{"auth", "backend", "db", "migrate", "proxy"}; !slices.Equal(got, want) {
		t.Errorf("services %q, want %q", got, want)
	}
	settingsOf(t, serveSettings).check(t, "backend", environmentOf(t, project, "backend"))
	settingsOf(t, migrateSettings).check(t, "migrate", environmentOf(t, project, "migrate"))
}

func TestABrokenComposeFileDoesNotLoad(t *testing.T) {
	for name, change := range map[string][2]string{
		"a misspelt field":         {"stop_grace_period: 20s", "stop_grace_perod: 20s"},
		"a wrong type":             {"cap_drop: [ALL]", "cap_drop: ALL"},
		"no duration":              {"interval: 5s", "interval: soon"},
		"an unknown service":       {"migrate: {condition", "migrated: {condition"},
		"an unknown condition":     {"service_completed_successfully", "service_completed"},
		"an unknown network":       {"networks: [database, proxy]", "networks: [databse, proxy]"},
		"a variable without value": {"${PUBLIC_ORIGIN:?}", "${PUBLIC_ORIGIN_:?}"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copied(t, "compose")
			replace(t, filepath.Join(dir, "compose.yaml"), change[0], change[1])
			if _, err := loadCompose(t.Context(), dir, nil); err == nil {
				t.Error("it loads")
			}
		})
	}
}

func TestComposeNeedsEachVariableWithoutAValue(t *testing.T) {
	for _, name := range blanks {
		dir := copied(t, "compose")
		if _, err := loadCompose(t.Context(), dir, map[string]string{name: ""}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

func TestComposeMigratesBeforeTheServiceStarts(t *testing.T) {
	project := compose(t, nil)
	for service, conditions := range map[string]map[string]string{
		"migrate": {"db": types.ServiceConditionHealthy},
		"backend": {"db": types.ServiceConditionHealthy, "migrate": types.ServiceConditionCompletedSuccessfully},
		"auth":    {"db": types.ServiceConditionHealthy},
	} {
		for name, condition := range conditions {
			if got := project.Services[service].DependsOn[name].Condition; got != condition {
				t.Errorf("%s waits for %s: %q, want %q", service, name, got, condition)
			}
		}
	}
}

func TestComposeServicesAreHardened(t *testing.T) {
	project := compose(t, nil)
	for name, service := range project.Services {
		if !service.ReadOnly || !slices.Equal(service.CapDrop, []string{"ALL"}) ||
			!slices.Contains(service.SecurityOpt, "no-new-privileges:true") || service.MemLimit == 0 || service.Privileged {
			t.Errorf("%s: read_only, cap_drop, no-new-privileges or mem_limit is missing", name)
		}
		if name != "migrate" && (service.HealthCheck == nil || service.Restart != types.RestartPolicyUnlessStopped) {
			t.Errorf("%s: healthcheck or restart is missing", name)
		}
		if len(service.Ports) > 0 != (name == "proxy") {
			t.Errorf("%s publishes ports %v: only the proxy does", name, service.Ports)
		}
	}
	backend := project.Services["backend"]
	checkMemory(t, "compose", environmentOf(t, project, "backend")["GOMEMLIMIT"], int64(backend.MemLimit))
	checkDrain(t, "compose", environmentOf(t, project, "backend")["SHUTDOWN_DELAY"], time.Duration(*backend.StopGracePeriod))
}

// drain is how long the service may take to end after SHUTDOWN_DELAY (docs/operations.md).
const drain = 20 * time.Second

// checkDrain checks that a platform waits until the service has drained, and not for ever.
func checkDrain(t *testing.T, where, delay string, grace time.Duration) {
	t.Helper()
	seconds, err := strconv.Atoi(delay)
	if err != nil {
		t.Fatalf("%s: SHUTDOWN_DELAY: %v", where, err)
	}
	if want := time.Duration(seconds)*time.Second + drain; grace != want {
		t.Errorf("%s: the service has %v to end, want SHUTDOWN_DELAY and %v: %v", where, grace, drain, want)
	}
}

// checkMemory checks that Go's bound leaves a fifth of the memory to what Go doesn't count.
func checkMemory(t *testing.T, where, goLimit string, limit int64) {
	t.Helper()
	mebibytes, ok := strings.CutSuffix(goLimit, "MiB")
	n, err := strconv.ParseInt(mebibytes, 10, 64)
	if !ok || err != nil {
		t.Fatalf("%s: GOMEMLIMIT is %q", where, goLimit)
	}
	if share := float64(n<<20) / float64(limit); share < 0.7 || share > 0.8 {
		t.Errorf("%s: GOMEMLIMIT is %.0f %% of the memory, want 70 to 80", where, 100*share)
	}
}

func TestTheScriptWritesAnEnvironmentThatComposeLoads(t *testing.T) {
	dir := copied(t, "compose")
	_ = os.Remove(filepath.Join(dir, ".env")) // A developer's own.
	script := func() error {
		return exec.CommandContext(t.Context(), "/bin/sh", filepath.Join(dir, "env.sh"), "https://todo.example.com", "todod:v1").Run()
	}
	if err := script(); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(filepath.Join(dir, ".env"))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, ".env")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
	seen := make(map[string]bool)
	environment := variables(t, string(written))
	for _, name := range blanks {
		if value := environment[name]; value == "" || seen[value] || name != "TODO_IMAGE" && len(value) != 48 {
			t.Errorf("%s is %q", name, value)
		}
		seen[environment[name]] = true
	}
	if environment["PUBLIC_ORIGIN"] != "https://todo.example.com" || environment["TODO_IMAGE"] != "todod:v1" {
		t.Errorf("%q", environment)
	}
	if script() == nil {
		t.Error("it replaces the passwords of a database")
	}
	// loadCompose puts the file of the example in its place.
	project, err := loadCompose(t.Context(), dir, environment)
	if err != nil {
		t.Fatal(err)
	}
	settingsOf(t, serveSettings).check(t, "backend", environmentOf(t, project, "backend"))
}
