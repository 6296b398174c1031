//go:build linux

package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// manifests are the objects of a kustomization, as Kubernetes would read them.
type manifests struct {
	deployment  *apps.Deployment
	job         *batch.Job
	services    map[string]*core.Service
	account     *core.ServiceAccount
	budget      *policy.PodDisruptionBudget
	autoscaler  *autoscaling.HorizontalPodAutoscaler
	network     *networking.NetworkPolicy
	monitor     *monitoring.ServiceMonitor
	secrets     map[string]*core.Secret
	settings    map[string]*core.ConfigMap
	objectCount int
}

// buildManifests builds a kustomization and decodes each object strictly: a field that its
// type doesn't have, a duplicate one and a value of another type are errors, as they are to
// `kubectl apply --validate=strict`.
func buildManifests(dir string) (*manifests, error) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		apps.AddToScheme, autoscaling.AddToScheme, batch.AddToScheme, core.AddToScheme,
		networking.AddToScheme, policy.AddToScheme, monitoring.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	m := &manifests{
		services: make(map[string]*core.Service),
		secrets:  make(map[string]*core.Secret),
		settings: make(map[string]*core.ConfigMap),
	}
	for _, resource := range built.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			return nil, err
		}
		object, _, err := decoder.Decode(text, nil, nil)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", resource.GetKind(), resource.GetName(), err)
		}
		if err := m.add(object); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *manifests) add(object runtime.Object) error {
	m.objectCount++
	switch object := object.(type) {
	case *apps.Deployment:
		m.deployment = object
	case *batch.Job:
		m.job = object
	case *core.Service:
		m.services[object.Name] = object
	case *core.ServiceAccount:
		m.account = object
	case *policy.PodDisruptionBudget:
		m.budget = object
	case *autoscaling.HorizontalPodAutoscaler:
		m.autoscaler = object
	case *networking.NetworkPolicy:
		m.network = object
	case *monitoring.ServiceMonitor:
		m.monitor = object
	case *core.Secret:
		m.secrets[object.Name] = object
	case *core.ConfigMap:
		m.settings[object.Name] = object
	default:
		return fmt.Errorf("an object that no test knows: %T", object)
	}
	return nil
}

// kubernetes returns a copy of deploy/kubernetes, with the files of secrets that the
// overlay's examples become.
func kubernetes(t *testing.T) (dir string) {
	t.Helper()
	dir = copied(t, "kubernetes")
	for _, name := range []string{"service.env", "migrate.env"} {
		path := filepath.Join(dir, "overlays", "neon", name)
		example, err := os.ReadFile(path + ".example")
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, string(example))
	}
	return dir
}

// neon builds the overlay for Neon.
func neon(t *testing.T) *manifests {
	t.Helper()
	m, err := buildManifests(filepath.Join(kubernetes(t), "overlays", "neon"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestManifestsBuild(t *testing.T) {
	dir := kubernetes(t)
	for _, folder := range []string{"base", "overlays/neon"} {
		m, err := buildManifests(filepath.Join(dir, folder))
		if err != nil {
			t.Fatalf("%s: %v", folder, err)
		}
		if m.deployment == nil || m.job == nil || m.account == nil || m.budget == nil || m.autoscaler == nil ||
			m.network == nil || m.monitor == nil || len(m.services) != 2 {
			t.Errorf("%s: an object is missing", folder)
		}
	}
}

func TestABrokenManifestDoesNotBuild(t *testing.T) {
	for name, change := range map[string]struct{ file, from, to, want string }{
		"a misspelt field":               {"deployment.yaml", "readinessProbe:", "readynessProbe:", "readynessProbe"},
		"a misspelt field deep inside":   {"deployment.yaml", "runAsNonRoot: true", "runAsNonroot: true", "runAsNonroot"},
		"a wrong type":                   {"deployment.yaml", "periodSeconds: 5", "periodSeconds: 5s", "periodSeconds"},
		"a number for a variable's text": {"deployment.yaml", `value: "10"`, "value: 10", "value"},
		"a quantity that is none":        {"migrate.yaml", "memory: 128Mi", "memory: 128MB!", "quantities"},
		"a field twice":                  {"service.yaml", "clusterIP: None", "clusterIP: None\n  clusterIP: None", "clusterIP"},
		"an unknown version":             {"horizontalpodautoscaler.yaml", "autoscaling/v2", "autoscaling/v2beta2", "v2beta2"},
		"a monitor's misspelt field":     {"servicemonitor.yaml", "scrapeTimeout:", "scrapeTimout:", "scrapeTimout"},
		"a monitor's wrong type":         {"servicemonitor.yaml", "port: admin", "port: 9090", "port"},
	} {
		t.Run(name, func(t *testing.T) {
			base := filepath.Join(copied(t, "kubernetes"), "base")
			replace(t, filepath.Join(base, change.file), change.from, change.to)
			if _, err := buildManifests(base); err == nil || !strings.Contains(err.Error(), change.want) {
				t.Errorf("got %v, want an error about %s", err, change.want)
			}
		})
	}
}
