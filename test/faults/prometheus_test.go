//go:build linux

package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/todo-backend/test/stack"
)

const (
	// scrapeInterval is how often Prometheus scrapes and evaluates here.
	scrapeInterval = 500 * time.Millisecond

	// alertPatience bounds the wait for an alert. Windows are up to 30 s here, and the machine
	// is busy with all services at once.
	alertPatience = 4 * stack.Patience
)

// prometheus is a real Prometheus. Its targets come and go.
type prometheus struct {
	url     string
	client  *http.Client
	targets string // The folder of files that name them.
}

// startPrometheus runs Prometheus with rules, or none, until the test ends.
func startPrometheus(t *testing.T, rules string) *prometheus {
	t.Helper()
	dir, address := t.TempDir(), stack.FreeAddress(t)
	p := &prometheus{url: "http://" + address, client: stack.NewClient(t, false), targets: filepath.Join(dir, "targets")}
	if err := os.Mkdir(p.targets, 0o755); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`
global: {scrape_interval: %[1]s, scrape_timeout: %[1]s, evaluation_interval: %[1]s}
rule_files: [rules.yaml]
scrape_configs:
  - job_name: todod
    file_sd_configs: [{files: [targets/*.json], refresh_interval: 1s}]
`, scrapeInterval)
	for name, content := range map[string]string{"prometheus.yaml": config, "rules.yaml": rules} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	output := new(output)
	process := stack.Start(t, nil, nil, output, stack.NeedProgram(t, "prometheus", "prometheus"),
		"--config.file="+filepath.Join(dir, "prometheus.yaml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	stack.Eventually(t, "Prometheus is ready", func() bool {
		if process.Ended() {
			t.Fatalf("Prometheus has ended:\n%s", output)
		}
		return stack.Call(t, p.client, http.MethodGet, p.url+"/-/ready", "").Status == http.StatusOK
	})
	return p
}

// scrape adds a target. Its metrics have a label with the namespace.
func (p *prometheus) scrape(t *testing.T, namespace, address string) {
	t.Helper()
	content, err := json.Marshal([]map[string]any{{"targets": []string{address}, "labels": map[string]string{"namespace": namespace}}})
	if err != nil {
		t.Fatal(err)
	}
	// Renamed into its place, so that Prometheus reads all or nothing.
	written := filepath.Join(p.targets, namespace+".tmp")
	if err := os.WriteFile(written, content, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(written, filepath.Join(p.targets, namespace+".json")); err != nil {
		t.Fatal(err)
	}
}

// ask asks Prometheus' API, and decodes the data of its answer.
func (p *prometheus) ask(t *testing.T, path string, data any) {
	t.Helper()
	a := stack.Call(t, p.client, http.MethodGet, p.url+"/api/v1/"+path, "")
	answer := struct{ Data any }{data}
	if err := json.Unmarshal([]byte(a.Body), &answer); a.Status != http.StatusOK || err != nil {
		t.Fatalf("%s: %d %v %v %s", path, a.Status, a.Err, err, a.Body)
	}
}

// query returns how many series an expression has.
func (p *prometheus) query(t *testing.T, expression string) int {
	t.Helper()
	var data struct{ Result []any }
	p.ask(t, "query?query="+url.QueryEscape(expression), &data)
	return len(data.Result)
}

// firing returns the alerts of a namespace that fire, and their texts.
func (p *prometheus) firing(t *testing.T, namespace string) map[string]string {
	t.Helper()
	var data struct {
		Alerts []struct {
			State               string
			Labels, Annotations map[string]string
		}
	}
	p.ask(t, "alerts", &data)
	found := make(map[string]string)
	for _, alert := range data.Alerts {
		if alert.State == "firing" && alert.Labels["namespace"] == namespace {
			found[alert.Labels["alertname"]] = alert.Annotations["summary"] + "\n" + alert.Annotations["description"]
		}
	}
	return found
}

// alertNames returns the alerts of its rules.
func (p *prometheus) alertNames(t *testing.T) (names []string) {
	t.Helper()
	var data struct {
		Groups []struct{ Rules []struct{ Name string } }
	}
	p.ask(t, "rules?type=alert", &data)
	for _, group := range data.Groups {
		for _, rule := range group.Rules {
			names = append(names, rule.Name)
		}
	}
	return names
}

// output collects what a program says.
type output struct{ stack.Logs }

func (o *output) String() string { return strings.TrimSpace(o.Text(0)) }
