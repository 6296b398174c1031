//go:build linux

package deploy

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// environment returns what a container runs with, from itself and what it refers to.
func (m *manifests) environment(t *testing.T, container *core.Container) map[string]string {
	t.Helper()
	environment := make(map[string]string)
	for _, from := range container.EnvFrom {
		switch {
		case from.SecretRef != nil && m.secrets[from.SecretRef.Name] != nil:
			for name, value := range m.secrets[from.SecretRef.Name].Data {
				environment[name] = string(value)
			}
		case from.ConfigMapRef != nil && m.settings[from.ConfigMapRef.Name] != nil:
			maps.Copy(environment, m.settings[from.ConfigMapRef.Name].Data)
		default:
			t.Errorf("%v refers to nothing", from)
		}
	}
	for _, variable := range container.Env {
		environment[variable.Name] = variable.Value
	}
	return environment
}

func TestKubernetesSettings(t *testing.T) {
	m := neon(t)
	service, migrate := &m.deployment.Spec.Template.Spec.Containers[0], &m.job.Spec.Template.Spec.Containers[0]
	serving, migrating := m.environment(t, service), m.environment(t, migrate)
	settingsOf(t, serveSettings).check(t, "deployment", serving)
	settingsOf(t, migrateSettings).check(t, "job", migrating)
	if !slices.Equal(service.Args, []string{"serve"}) || !slices.Equal(migrate.Args, []string{"migrate"}) {
		t.Errorf("args %q and %q", service.Args, migrate.Args)
	}

	// At Neon: the service by the pooler, migrations not, and both sure of the server.
	for name, connection := range map[string]struct {
		text   string
		pooled bool
	}{"deployment": {serving["DATABASE_URL"], true}, "job": {migrating["DATABASE_DIRECT_URL"], false}} {
		u, err := url.Parse(connection.text)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(u.Host, "-pooler.") != connection.pooled || u.Query().Get("sslmode") != "verify-full" {
			t.Errorf("%s: %s, want the pooler: %v, and sslmode=verify-full", name, u.Redacted(), connection.pooled)
		}
	}
	if serving["DATABASE_DIRECT_URL"] != "" || strings.Contains(serving["DATABASE_URL"], "todo_owner") {
		t.Error("the service gets the owner's connection string")
	}
}

func TestKubernetesPodsAreHardened(t *testing.T) {
	m := neon(t)
	for name, pod := range map[string]core.PodSpec{"deployment": m.deployment.Spec.Template.Spec, "job": m.job.Spec.Template.Spec} {
		container := pod.Containers[0]
		security := container.SecurityContext
		if !*pod.SecurityContext.RunAsNonRoot || *pod.SecurityContext.RunAsUser != 65532 ||
			pod.SecurityContext.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault ||
			!*security.ReadOnlyRootFilesystem || *security.AllowPrivilegeEscalation ||
			!slices.Equal(security.Capabilities.Drop, []core.Capability{"ALL"}) || *pod.AutomountServiceAccountToken {
			t.Errorf("%s: not restricted", name)
		}
		if pod.ServiceAccountName != m.account.Name || *m.account.AutomountServiceAccountToken {
			t.Errorf("%s: account %q", name, pod.ServiceAccountName)
		}
		if container.Resources.Limits.Memory().IsZero() || container.Resources.Requests.Cpu().IsZero() {
			t.Errorf("%s: resources are missing", name)
		}
		if image := container.Image; image != "registry.example.com/todod:v1.0.0" {
			t.Errorf("%s: image %q", name, image)
		}
	}
}

func TestKubernetesGivesTheServiceItsTimeAndMemory(t *testing.T) {
	m := neon(t)
	pod := m.deployment.Spec.Template.Spec
	container := pod.Containers[0]
	environment := m.environment(t, &container)
	checkDrain(t, "kubernetes", environment["SHUTDOWN_DELAY"], time.Duration(*pod.TerminationGracePeriodSeconds)*time.Second)
	checkMemory(t, "kubernetes", environment["GOMEMLIMIT"], container.Resources.Limits.Memory().Value())

	for name, probe := range map[string]struct {
		*core.Probe
		path string
	}{"startup": {container.StartupProbe, "/livez"}, "liveness": {container.LivenessProbe, "/livez"}, "readiness": {container.ReadinessProbe, "/readyz"}} {
		if probe.HTTPGet.Path != probe.path || containerPort(container, probe.HTTPGet.Port) != 8080 {
			t.Errorf("%s: asks %v", name, probe.HTTPGet)
		}
	}
}

// containerPort returns the number of a port, which a name may stand for; 0 when there is none.
func containerPort(container core.Container, port intstr.IntOrString) int32 {
	for _, known := range container.Ports {
		if port.Type == intstr.String && known.Name == port.StrVal || port.IntVal == known.ContainerPort {
			return known.ContainerPort
		}
	}
	return 0
}

func TestKubernetesConnectionsFitPostgreSQL(t *testing.T) {
	m, err := buildManifests(repository(t, "deploy", "kubernetes", "base"))
	if err != nil {
		t.Fatal(err)
	}
	const (
		perPod   = 16  // DATABASE_MAX_CONNS, unless set.
		usual    = 100 // max_connections of PostgreSQL, unless set.
		reserved = 3   // superuser_reserved_connections.
		others   = 11  // Better Auth's pool, and the migration.
	)
	pods := int(m.autoscaler.Spec.MaxReplicas) + m.deployment.Spec.Strategy.RollingUpdate.MaxSurge.IntValue()
	if need := pods*perPod + others; need > usual-reserved {
		t.Errorf("%d pods and the others open %d connections, PostgreSQL has %d", pods, need, usual-reserved)
	}
	if *m.autoscaler.Spec.MinReplicas < 2 || m.deployment.Spec.Replicas != nil {
		t.Error("fewer than 2 pods, or a number that an apply would set back")
	}
}

func TestKubernetesObjectsReferToOneAnother(t *testing.T) {
	m := neon(t)
	pods := labels.Set(m.deployment.Spec.Template.Labels)
	jobs := labels.Set(m.job.Spec.Template.Labels)
	container := m.deployment.Spec.Template.Spec.Containers[0]
	for name, selector := range map[string]*meta.LabelSelector{
		"deployment":        m.deployment.Spec.Selector,
		"disruption budget": m.budget.Spec.Selector,
		"spread by node":    m.deployment.Spec.Template.Spec.TopologySpreadConstraints[0].LabelSelector,
		"spread by zone":    m.deployment.Spec.Template.Spec.TopologySpreadConstraints[1].LabelSelector,
		"api":               {MatchLabels: m.services["todo-backend"].Spec.Selector},
		"admin":             {MatchLabels: m.services["todo-backend-admin"].Spec.Selector},
	} {
		if !selects(t, selector, pods) || selects(t, selector, jobs) {
			t.Errorf("%s: selects other pods than the service's", name)
		}
	}
	if !selects(t, &m.network.Spec.PodSelector, pods) || !selects(t, &m.network.Spec.PodSelector, jobs) {
		t.Error("the network policy leaves pods out")
	}
	for _, rule := range m.network.Spec.Ingress {
		if len(rule.From) == 0 || containerPort(container, *rule.Ports[0].Port) == 0 {
			t.Errorf("network policy: %v", rule)
		}
	}
	for name, port := range map[string]int32{"todo-backend": 8080, "todo-backend-admin": 9464} {
		if ports := m.services[name].Spec.Ports; len(ports) != 1 || containerPort(container, ports[0].TargetPort) != port {
			t.Errorf("service %s: ports %v", name, ports)
		}
	}
	if !selects(t, &m.monitor.Spec.Selector, labels.Set(m.services["todo-backend-admin"].Labels)) ||
		selects(t, &m.monitor.Spec.Selector, labels.Set(m.services["todo-backend"].Labels)) ||
		m.monitor.Spec.Endpoints[0].Port != m.services["todo-backend-admin"].Spec.Ports[0].Name {
		t.Error("the monitor doesn't select the admin port")
	}
	relabelings := m.monitor.Spec.Endpoints[0].RelabelConfigs
	if len(relabelings) != 1 || relabelings[0].TargetLabel != "job" || relabelings[0].Replacement == nil || *relabelings[0].Replacement != "todod" {
		t.Errorf("the job of the alerts and the dashboard is todod: %v", relabelings)
	}
	if m.autoscaler.Spec.ScaleTargetRef.Name != m.deployment.Name {
		t.Error("the autoscaler has another target")
	}
}

func selects(t *testing.T, selector *meta.LabelSelector, of labels.Set) bool {
	t.Helper()
	s, err := meta.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return !s.Empty() && s.Matches(of)
}
