//go:build linux

package faults

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/todo-backend/internal/postgres/pgtest"
	"example.com/todo-backend/test/load"
	"example.com/todo-backend/test/report"
	"example.com/todo-backend/test/stack"
)

const (
	rulesFile     = "../../deploy/prometheus/alerts.yaml"
	ruleTestsFile = "../../deploy/prometheus/alerts_test.yaml"
)

// watched is a service that Prometheus scrapes, with its metrics in a namespace of its own.
type watched struct {
	*stack.Todod
	prometheus *prometheus
	namespace  string
	settings   map[string]string
	database   string
	server     *pgtest.Server // Of faults that stop it, else nil.
	reader     *logReader     // Of faults that stop it, else nil.
}

// alertFault is a fault that alerts are for.
type alertFault struct {
	name      string
	done      string
	alerts    []string
	settings  map[string]string
	ownServer bool
	ownReader bool
	rate      int // Of others' calls; 0 for none.
	begin     func(t *testing.T, w *watched) (end func())
}

// hastened shortens all durations of the rules: each minute becomes a second, and each
// hour a minute. Nothing else is changed.
func hastened(t *testing.T) string {
	t.Helper()
	rules, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`(\[|\bfor: )(\d+)m\b`).ReplaceAllString(string(rules), "${1}${2}s")
	return regexp.MustCompile(`(\[|\bfor: )(\d+)h\b`).ReplaceAllString(text, "${1}${2}m")
}

// TestAlertsFireAndEnd causes the fault of each alert around a service of its own, with
// the rules that operators have, and sees the alert fire and end.
func TestAlertsFireAndEnd(t *testing.T) {
	p := startPrometheus(t, hastened(t))
	faults := alertFaults(t)
	var caused []string
	for _, f := range faults {
		caused = append(caused, f.alerts...)
	}
	for _, name := range p.alertNames(t) {
		if !slices.Contains(caused, name) {
			t.Errorf("no fault here is for %s", name)
		}
	}
	for i, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.test(t, p, fmt.Sprint("fault-", i))
		})
	}
}

func (f alertFault) test(t *testing.T, p *prometheus, namespace string) {
	r := newRow(t, "alerts: "+f.name)
	w := f.start(t, p, namespace)
	if f.rate > 0 {
		load.Start(t, w.URL, w.Issuer, f.rate)
	}
	awaitAlerts(t, "it was scraped in calm", func() bool {
		return p.query(t, fmt.Sprintf(`count_over_time(up{namespace=%q}[1m]) >= 6`, namespace)) > 0
	})
	// While all services start, the machine may be too busy to scrape them in time.
	awaitAlerts(t, "no alert fires in calm", func() bool { return len(p.firing(t, namespace)) == 0 })

	began := time.Now()
	end := f.begin(t, w)
	seen := make(map[string]string)
	awaitAlerts(t, fmt.Sprintf("%v fire", f.alerts), func() bool {
		maps.Copy(seen, p.firing(t, namespace))
		return !slices.ContainsFunc(f.alerts, func(name string) bool { return seen[name] == "" })
	})
	fired := time.Since(began)
	end()
	ended := time.Now()
	left := 0
	awaitAlerts(t, "no alert fires any more", func() bool {
		firing := p.firing(t, namespace)
		left = len(firing)
		return left == 0
	})

	r.Did("%s; %s fired", f.done, strings.Join(slices.Sorted(maps.Keys(seen)), ", "))
	r.Note("after", report.Rounded(fired))
	r.Note("all ended after", report.Rounded(time.Since(ended)))
	r.None("texts with a defect", countMatching(seen, regexp.MustCompile(`<no value>|<error|%!|NaN`)))
}

// start runs the fault's service and has it scraped.
func (f alertFault) start(t *testing.T, p *prometheus, namespace string) *watched {
	t.Helper()
	w := &watched{prometheus: p, namespace: namespace, settings: map[string]string{"ADMIN_ADDR": stack.FreeAddress(t)}}
	maps.Copy(w.settings, f.settings)
	switch {
	case f.ownReader:
		w.Todod, w.reader = startTododReadBy(t, w.settings)
	case f.ownServer:
		w.server = pgtest.StartServer(t, nil)
		w.database = w.server.URL()
		w.Todod = startTodod(t, stack.StartIssuer(t), w.database, w.settings)
	default:
		w.database = pgtest.NewDatabase(t)
		w.Todod = startTodod(t, stack.StartIssuer(t), w.database, w.settings)
	}
	p.scrape(t, namespace, w.settings["ADMIN_ADDR"])
	return w
}

// awaitAlerts waits until something is so that Prometheus says.
func awaitAlerts(t *testing.T, what string, so func() bool) {
	t.Helper()
	deadline := time.Now().Add(alertPatience)
	for !so() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", alertPatience, what)
		}
		time.Sleep(scrapeInterval / 2) // It says nothing new before.
	}
}

// countMatching counts the texts that match.
func countMatching(texts map[string]string, pattern *regexp.Regexp) (n int) {
	for _, text := range texts {
		if pattern.MatchString(text) {
			n++
		}
	}
	return n
}

// TestAlertRulesAreAcceptedByPromtool also runs their unit tests.
func TestAlertRulesAreAcceptedByPromtool(t *testing.T) {
	r := newRow(t, "alerts: promtool")
	promtool := stack.NeedProgram(t, "promtool", "prometheus")
	for _, args := range [][]string{{"check", "rules", rulesFile}, {"test", "rules", ruleTestsFile}} {
		if output, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, output)
		}
	}
	s := startTodod(t, stack.StartIssuer(t), pgtest.NewDatabase(t), map[string]string{"ADMIN_ADDR": "127.0.0.1:0"})
	client := stack.NewClient(t, false)
	s.Create(t, client, "u")
	address := s.Await(t, 0, "serving metrics and profiles").Address
	metrics := stack.Call(t, client, http.MethodGet, "http://"+address+"/metrics", "").Body
	check := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	check.Stdin = strings.NewReader(metrics)
	output, err := check.CombinedOutput()
	if err != nil || len(output) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, output)
	}
	r.Did("checked the rules, ran their unit tests, checked the exposition of a service")
	report.AtLeast(r, "lines of it", strings.Count(metrics, "\n"), 100)
}
