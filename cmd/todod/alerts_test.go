package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// alert is a rule of deploy/prometheus/alerts.yaml.
type alert struct {
	Alert       string
	Expr        string
	Labels      map[string]string
	Annotations map[string]string
}

// expression is PromQL, and where it is.
type expression struct {
	where, text string
	legend      string // Of dashboards.
}

// alerts returns the rules that operators are given.
func alerts(t *testing.T) (all []alert) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alert } }
	if err := yaml.Unmarshal(repoFile(t, "deploy/prometheus/alerts.yaml"), &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	if len(all) < 10 {
		t.Fatalf("%d alerts were read", len(all))
	}
	return all
}

// queries returns the dashboard's queries.
func queries(t *testing.T) (all []expression) {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title, Description string
			Targets            []struct{ Expr, LegendFormat string }
		}
		Annotations struct {
			List []struct{ Name, Expr, TitleFormat string }
		}
	}
	if err := json.Unmarshal(repoFile(t, "deploy/grafana/dashboard.json"), &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			all = append(all, expression{panel.Title, target.Expr, target.LegendFormat})
		}
	}
	for _, annotation := range dashboard.Annotations.List {
		all = append(all, expression{annotation.Name, annotation.Expr, annotation.TitleFormat})
	}
	if len(all) < 30 {
		t.Fatalf("%d queries were read", len(all))
	}
	return all
}

func repoFile(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// known is what expressions may name: metrics with their labels, and the values of these.
type known struct {
	labels map[string][]string // By the name of a sample.
	values map[string][]string // By label.
}

// target has the labels that Prometheus adds to what it scrapes.
var target = []string{"job", "instance", "namespace"}

func knownMetrics(t *testing.T, families map[string]*family) known {
	t.Helper()
	docs, values := documentation(t)
	addValues(t, values)
	k := known{labels: map[string][]string{"up": nil, "ALERTS": {"alertname", "alertstate"}}, values: values}
	for name, one := range families {
		labels := docs[name].labels
		k.labels[name] = labels
		if one.kind == "histogram" {
			k.labels[name+"_bucket"] = append(slices.Clone(labels), "le")
			k.labels[name+"_sum"], k.labels[name+"_count"] = labels, labels
			delete(k.labels, name)
		}
	}
	return k
}

// faults returns what an expression names that does not exist.
func (k known) faults(e expression) (faults []string) {
	fault := func(format string, args ...any) {
		faults = append(faults, e.where+": "+fmt.Sprintf(format, args...))
	}
	// A name that is neither a function nor a keyword: it begins as a metric does.
	selector := regexp.MustCompile(`\b((?:todod|go|process)_[a-z_]+|up|ALERTS)\b(?:\{([^}]*)\})?`)
	matcher := regexp.MustCompile(`([a-z_]+)\s*(=~|!=|!~|=)\s*"([^"]*)"`)
	grouping := regexp.MustCompile(`\b(?:by|on|ignoring|without|group_left|group_right)\s*\(([^)]*)\)|\{\{\s*([a-z]+)\s*\}\}`)
	used := slices.Clone(target)
	found := selector.FindAllStringSubmatch(e.text, -1)
	if len(found) == 0 {
		fault("no metric in %s", e.text)
	}
	for _, match := range found {
		name, inside := match[1], match[2]
		labels, ok := k.labels[name]
		if !ok {
			fault("the service has no %s", name)
		}
		used = append(used, labels...)
		for _, m := range matcher.FindAllStringSubmatch(inside, -1) {
			label, value := m[1], m[3]
			if slices.Contains(target, label) {
				continue
			}
			if !slices.Contains(labels, label) {
				fault("%s has no label %s", name, label)
				continue
			}
			if name == "ALERTS" {
				continue
			}
			for one := range strings.SplitSeq(value, "|") {
				if !slices.ContainsFunc(k.values[label], regexp.MustCompile("^(?:"+one+")$").MatchString) {
					fault("%q is no value of %s", one, label)
				}
			}
		}
	}
	for _, match := range grouping.FindAllStringSubmatch(e.text+e.legend, -1) {
		for label := range strings.SplitSeq(match[1]+match[2], ",") {
			if label = strings.TrimSpace(label); label != "" && !slices.Contains(used, label) {
				fault("no metric there has the label %s: %s", label, e.text)
			}
		}
	}
	return faults
}

func TestAlertsAndDashboardUseMetricsThatExist(t *testing.T) {
	t.Parallel()
	s, admin := startMeasured(t, nil)
	s.makeTraffic(t)
	s.logged(t)
	k := knownMetrics(t, s.scrape(t, admin))
	var faults []string
	for _, one := range alerts(t) {
		faults = append(faults, k.faults(expression{where: one.Alert, text: one.Expr})...)
	}
	shown := ""
	for _, query := range queries(t) {
		faults = append(faults, k.faults(query)...)
		shown += query.text
	}
	for _, fault := range faults {
		t.Error(fault)
	}
	docs, _ := documentation(t)
	for name := range docs {
		if !strings.Contains(shown, name) {
			t.Errorf("the dashboard doesn't show %s", name)
		}
	}
}

func TestMetricsThatDoNotExistAreFound(t *testing.T) {
	t.Parallel()
	k := known{labels: map[string][]string{"todod_a_total": {"reason"}}, values: map[string][]string{"reason": {"x"}}}
	for _, text := range []string{
		`rate(todod_b_total[5m])`, `todod_a_total{cause="x"}`, `todod_a_total{reason=~"x|y"}`, `sum by (cause) (todod_a_total)`, `vector(1)`,
	} {
		if faults := k.faults(expression{where: "here", text: text}); len(faults) != 1 {
			t.Errorf("%s has the faults %q, want one", text, faults)
		}
	}
	right := expression{where: "here", text: `sum by (reason, job) (rate(todod_a_total{job="todod", reason=~"x"}[5m]))`, legend: "{{reason}}"}
	if faults := k.faults(right); len(faults) > 0 {
		t.Errorf("%s has the faults %q", right.text, faults)
	}
}

// section returns a part of docs/operations.md.
func section(t *testing.T, heading string) string {
	t.Helper()
	_, text, found := strings.Cut(string(repoFile(t, "docs/operations.md")), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("docs/operations.md has no section %q", heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

func TestEveryAlertSaysWhatToDo(t *testing.T) {
	t.Parallel()
	var names, documented []string
	for _, match := range regexp.MustCompile(`(?m)^### (\w+)$`).FindAllStringSubmatch(section(t, "Alerts"), -1) {
		documented = append(documented, match[1])
	}
	tests := string(repoFile(t, "deploy/prometheus/alerts_test.yaml"))
	for _, one := range alerts(t) {
		names = append(names, one.Alert)
		if severity := one.Labels["severity"]; severity != "critical" && severity != "warning" {
			t.Errorf("%s has the severity %q", one.Alert, severity)
		}
		for _, annotation := range []string{"summary", "description"} {
			if one.Annotations[annotation] == "" {
				t.Errorf("%s has no %s", one.Alert, annotation)
			}
		}
		if url := one.Annotations["runbook_url"]; !strings.HasSuffix(url, "/docs/operations.md#"+strings.ToLower(one.Alert)) {
			t.Errorf("%s has the runbook %q", one.Alert, url)
		}
		for what, want := range map[string]string{
			"fires":     `ALERTS\{alertname="` + one.Alert + `", alertstate="firing"[^}]*\}\)', eval_time: \w+, exp_samples: \[\{`,
			"is silent": `\{alertname: ` + one.Alert + `, eval_time: \w+\}|ALERTS\{alertname="` + one.Alert + `".*exp_samples: \[\{labels: '\{instance="a"\}', value: 1\}\]`,
		} {
			if !regexp.MustCompile(want).MatchString(tests) {
				t.Errorf("no unit test in which %s %s", one.Alert, what)
			}
		}
	}
	slices.Sort(names)
	if slices.Sort(documented); !slices.Equal(names, documented) {
		t.Errorf("the alerts are %v, documented are %v", names, documented)
	}
}

// TestEveryFaultHasItsMetricAndAlert holds the table of faults to the rows of `make
// faults`.
func TestEveryFaultHasItsMetricAndAlert(t *testing.T) {
	t.Parallel()
	source := string(repoFile(t, "test/faults/report_test.go"))
	rows := make(map[string]bool)
	for _, list := range regexp.MustCompile(`(?s)var rowsOf\w+ = \[\]string\{\n(.*?)\n\}`).FindAllStringSubmatch(source, -1) {
		for _, name := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(list[1], -1) {
			rows[name[1]] = true
		}
	}
	if len(rows) < 60 {
		t.Fatalf("%d faults were read", len(rows))
	}
	docs, values := documentation(t)
	addValues(t, values)
	fired := make(map[string]bool)
	for _, one := range alerts(t) {
		fired[one.Alert] = true
	}
	quoted := regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(section(t, "Faults, and what shows them")) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 3 || strings.TrimSpace(cells[0]) == "fault" || strings.HasPrefix(line, "|--") {
			continue
		}
		for name := range strings.SplitSeq(cells[0], ";") {
			if name = strings.TrimSpace(name); !rows[name] {
				t.Errorf("%q is no fault, or is there twice", name)
			}
			delete(rows, name)
		}
		for _, match := range quoted.FindAllStringSubmatch(cells[1], -1) {
			_, isMetric := docs[match[1]]
			isValue := slices.ContainsFunc(slices.Collect(maps.Values(values)), func(of []string) bool { return slices.Contains(of, match[1]) })
			if !isMetric && !isValue && !strings.HasPrefix(match[1], "process_") && match[1] != "ended" {
				t.Errorf("%s is neither a metric nor a value of a label: %s", match[1], line)
			}
		}
		for _, match := range quoted.FindAllStringSubmatch(cells[2], -1) {
			if !fired[match[1]] && match[1] != "all_unread" {
				t.Errorf("there is no alert %s", match[1])
			}
		}
	}
	for name := range rows {
		t.Errorf("the table lacks the fault %q", name)
	}
}
