package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"flashsale/app/config"
	"flashsale/app/instance"
	"flashsale/app/web"
)

// printed is what a command prints.
func printed(t *testing.T, args ...string) string {
	t.Helper()
	var out, errOut bytes.Buffer
	if code := Main(args, strings.NewReader(""), &out, &errOut); code != 0 {
		t.Fatalf("%v: exit %d, %s", args, code, errOut.String())
	}
	return out.String()
}

// objects are the documents of the manifests, by kind and name.
func objects(t *testing.T) map[string]map[string]any {
	t.Helper()
	text := printed(t, "manifests", "--image", "registry.example/flashsale:1.0", "--host", "shop.example", "--trusted-proxies", "10.244.0.0/16")
	all := map[string]map[string]any{}
	for reader := yaml.NewDecoder(strings.NewReader(text)); ; {
		one := map[string]any{}
		err := reader.Decode(&one)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all[one["kind"].(string)+" "+one["metadata"].(map[string]any)["name"].(string)] = one
	}
}

// at is what lies below the keys and numbers of a path, as in spec.ports.0.
func at[T any](t *testing.T, in any, path string) T {
	t.Helper()
	found := in
	for key := range strings.SplitSeq(path, ".") {
		if list, ok := found.([]any); ok {
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(list) {
				t.Fatalf("no %s in %s", key, path)
			}
			found = list[i]
			continue
		}
		fields, ok := found.(map[string]any)
		if !ok {
			t.Fatalf("no %s in %s", key, path)
		}
		found = fields[strings.ReplaceAll(key, "~", ".")]
	}
	value, ok := found.(T)
	if !ok {
		t.Fatalf("%s is %T", path, found)
	}
	return value
}

// The settings of the manifests, with those of the secret, are a configuration that the program takes, and the ports are its.
func TestManifestsHaveTheProgramsSettingsAndPorts(t *testing.T) {
	t.Parallel()
	all := objects(t)
	pod := at[map[string]any](t, all["Deployment flashsale"], "spec.template.spec")
	container := at[map[string]any](t, pod, "containers.0")
	settings := map[string]string{"OPS_TOKEN": strings.Repeat("a", 48), "DATABASE_URL": "postgres://a:b@db/shop", "REDIS_URL": "rediss://r:6379", "KAFKA_BROKERS": "k1:9092,k2:9092"}
	for _, one := range at[[]any](t, container, "env") {
		settings[at[string](t, one, "name")] = at[string](t, one, "value")
	}
	for name := range settings {
		if !slices.Contains(config.Variables(), name) {
			t.Errorf("%s is no setting", name)
		}
	}
	cfg, err := config.From(func(name string) (string, bool) { v, ok := settings[name]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	ports := map[string]int{}
	for _, one := range at[[]any](t, container, "ports") {
		ports[at[string](t, one, "name")] = at[int](t, one, "containerPort")
	}
	if want := map[string]int{"http": cfg.Port, "ops": 9464}; !maps.Equal(ports, want) || cfg.OpsAddr != ":9464" || cfg.Demo || cfg.AnyEmbedded() {
		t.Errorf("the container has the ports %v, the program %v and %s; demo %v", ports, want, cfg.OpsAddr, cfg.Demo)
	}
	grace := time.Duration(at[int](t, pod, "terminationGracePeriodSeconds")) * time.Second
	if need := cfg.DrainDelay + instance.StopPatience; grace < need+5*time.Second {
		t.Errorf("a stop takes up to %v, and Kubernetes waits %v", need, grace)
	}
	labels := at[map[string]any](t, all["Deployment flashsale"], "spec.template.metadata.labels")
	for name, path := range map[string]string{
		"Deployment flashsale": "spec.selector.matchLabels", "PodDisruptionBudget flashsale": "spec.selector.matchLabels",
		"Service flashsale": "spec.selector", "Service flashsale-ops": "spec.selector", "NetworkPolicy flashsale": "spec.podSelector.matchLabels",
	} {
		if got := at[map[string]any](t, all[name], path); !maps.Equal(got, labels) {
			t.Errorf("%s selects %v, and the pods have %v", name, got, labels)
		}
	}
	for name, path := range map[string]string{
		"Service flashsale": "spec.ports.0.targetPort", "Service flashsale-ops": "spec.ports.0.targetPort", "ServiceMonitor flashsale": "spec.endpoints.0.port",
		"NetworkPolicy flashsale": "spec.ingress.0.ports.0.port", "Ingress flashsale": "spec.rules.0.http.paths.0.backend.service.port.name",
	} {
		if port := at[string](t, all[name], path); ports[port] == 0 {
			t.Errorf("%s: no port %q", name, port)
		}
	}
	if got := at[string](t, all["NetworkPolicy flashsale"], "spec.ingress.1.ports.0.port"); got != "ops" {
		t.Errorf("monitoring reaches %s", got)
	}
	monitored := at[map[string]any](t, all["ServiceMonitor flashsale"], "spec.selector.matchLabels")
	if got := at[map[string]any](t, all["Service flashsale-ops"], "metadata.labels"); !maps.Equal(got, monitored) {
		t.Errorf("the monitor selects %v, and the service has %v", monitored, got)
	}
}

// The containers are locked up, and there are several.
func TestManifestsLockUpAndSpread(t *testing.T) {
	t.Parallel()
	all := objects(t)
	pod := at[map[string]any](t, all["Deployment flashsale"], "spec.template.spec")
	for path, want := range map[string]any{
		"automountServiceAccountToken": false, "securityContext.runAsNonRoot": true, "securityContext.runAsUser": 65532,
		"securityContext.seccompProfile.type":                   "RuntimeDefault",
		"containers.0.securityContext.readOnlyRootFilesystem":   true,
		"containers.0.securityContext.allowPrivilegeEscalation": false, "containers.0.securityContext.capabilities.drop.0": "ALL",
		"topologySpreadConstraints.0.topologyKey": "kubernetes.io/hostname", "topologySpreadConstraints.1.topologyKey": "topology.kubernetes.io/zone",
	} {
		if got := at[any](t, pod, path); got != want {
			t.Errorf("%s is %v", path, got)
		}
	}
	if n := at[int](t, all["Deployment flashsale"], "spec.replicas"); n != 3 {
		t.Errorf("%d replicas", n)
	}
	if n := at[int](t, all["PodDisruptionBudget flashsale"], "spec.maxUnavailable"); n != 1 {
		t.Errorf("%d may be taken away at once", n)
	}
	if got := at[string](t, all["Ingress flashsale"], "metadata.annotations.nginx~ingress~kubernetes~io/proxy-buffering"); got != "off" {
		t.Errorf("the ingress buffers: %s", got)
	}
}

// The unit waits longer than a stop takes, and sets only what the program reads.
func TestUnitFitsTheProgram(t *testing.T) {
	t.Parallel()
	unit := printed(t, "unit")
	field := func(name string) string {
		m := regexp.MustCompile(`(?m)^` + name + `=(.+)$`).FindStringSubmatch(unit)
		if m == nil {
			t.Fatalf("the unit has no %s", name)
		}
		return m[1]
	}
	seconds, err := strconv.Atoi(field("TimeoutStopSec"))
	longest := time.Minute + instance.StopPatience // of DRAIN_DELAY
	if err != nil || time.Duration(seconds)*time.Second < longest {
		t.Errorf("systemd waits %d s (%v), and a stop takes up to %v", seconds, err, longest)
	}
	for one := range strings.FieldsSeq(field("Environment")) {
		if name, _, _ := strings.Cut(one, "="); name != "TMPDIR" && !slices.Contains(config.Variables(), name) {
			t.Errorf("%s is no setting", name)
		}
	}
	if got := field("ExecStart"); got != "/usr/local/bin/flashsale serve" {
		t.Error(got)
	}
	if mode := field("KillMode"); mode != "mixed" { // SIGTERM for PostgreSQL, too, would end it before the program is done
		t.Error(mode)
	}
}

// shownMetrics are the metrics that a process shows, with the names of their labels.
func shownMetrics(text string) map[string][]string {
	all := map[string][]string{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z_]+)(?:\{([^}]*)\})? `).FindAllStringSubmatch(text, -1) {
		labels := all[m[1]]
		for _, l := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(m[2], -1) {
			labels = append(labels, l[1])
		}
		all[m[1]] = slices.Compact(slices.Sorted(slices.Values(labels)))
	}
	return all
}

// sometimes are metrics that a process shows only then; the file makes them.
var sometimes = map[string]struct {
	file   string
	labels []string
}{
	"flashsale_ledger_stopped":                           {"../events/consumer/metrics.go", []string{"partition"}},
	"flashsale_tls_certificate_expiry_timestamp_seconds": {"instance/metrics.go", nil},
}

// What the dashboard and the alerts ask for is what a process shows once a unit was sold, by its name and its labels, and the
// probes of the manifests are answered.
func TestDashboardAlertsAndProbesFitAProcess(t *testing.T) {
	t.Parallel()
	s := newPlace(t, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1").serve(t)
	s.buy(t, "john_doe")
	time.Sleep(1500 * time.Millisecond) // the lag is looked at each second
	known := shownMetrics(ask(t, s.ops+"/metrics"))
	for name, one := range sometimes {
		source, err := os.ReadFile(one.file)
		if err != nil || !strings.Contains(string(source), `"`+name+`"`) {
			t.Errorf("%s does not make %s (%v)", one.file, name, err)
		}
		known[name] = one.labels
	}
	asked := 0
	for _, expr := range append(dashboardExpressions(t), alertExpressions(t)...) {
		asked += askedFor(t, expr, known)
	}
	if asked < 60 {
		t.Errorf("only %d metrics are asked for", asked)
	}
	all := objects(t)
	for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
		get := at[map[string]any](t, all["Deployment flashsale"], "spec.template.spec.containers.0."+probe+".httpGet")
		if get["port"] != "http" {
			t.Errorf("%s asks at %v", probe, get["port"])
		}
		ask(t, s.url+get["path"].(string))
	}
	ask(t, s.ops+at[string](t, all["ServiceMonitor flashsale"], "spec.endpoints.0.path"))
}

func ask(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("%s: %s, %v", url, res.Status, err)
	}
	return string(body)
}

// askedFor checks one expression and returns how many metrics are in it.
func askedFor(t *testing.T, expr string, known map[string][]string) int {
	t.Helper()
	found := regexp.MustCompile(`((?:flashsale|process|go)_[a-z_]+)(?:\{([^}]*)\})?`).FindAllStringSubmatch(expr, -1)
	var labels []string
	for _, m := range found {
		has, ok := known[m[1]]
		if !ok {
			t.Errorf("no process shows %s: %s", m[1], expr)
		}
		for _, l := range regexp.MustCompile(`([a-z_]+)=~?"`).FindAllStringSubmatch(m[2], -1) {
			if l[1] != "job" && !slices.Contains(has, l[1]) {
				t.Errorf("%s has no label %s: %s", m[1], l[1], expr)
			}
		}
		labels = append(labels, has...)
	}
	for _, by := range regexp.MustCompile(`by \(([^)]*)\)`).FindAllStringSubmatch(expr, -1) {
		for l := range strings.SplitSeq(by[1], ", ") {
			if l != "job" && l != "instance" && !slices.Contains(labels, l) {
				t.Errorf("nothing has a label %s: %s", l, expr)
			}
		}
	}
	for _, m := range regexp.MustCompile(`route=~"([^"]+)"`).FindAllStringSubmatch(expr, -1) {
		route := regexp.MustCompile("(?m)^POST +(" + m[1] + ") ")
		var routes bytes.Buffer
		if err := web.PrintRoutes(&routes); err != nil || len(route.FindAllString(routes.String(), -1)) != 2 {
			t.Errorf("%s is not the routes of two purchases (%v)", m[1], err)
		}
	}
	return len(found)
}

func dashboardExpressions(t *testing.T) (all []string) {
	t.Helper()
	var d struct {
		Panels []struct {
			Title, Type, Description string
			Targets                  []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(printed(t, "dashboard")), &d); err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Panels {
		if p.Type != "row" && (p.Description == "" || len(p.Targets) == 0) {
			t.Errorf("the panel %q does not say what it shows", p.Title)
		}
		for _, one := range p.Targets {
			all = append(all, one.Expr)
		}
	}
	return all
}

// alertExpressions checks on the way that each alert says what to do.
func alertExpressions(t *testing.T) (all []string) {
	t.Helper()
	var a struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr         string
				Labels, Annotations map[string]string
			}
		}
	}
	reader := yaml.NewDecoder(strings.NewReader(printed(t, "dashboard", "--alerts")))
	reader.KnownFields(false)
	if err := reader.Decode(&a); err != nil {
		t.Fatal(err)
	}
	for _, r := range a.Groups[0].Rules {
		if len(r.Annotations["action"]) < 40 || r.Annotations["summary"] == "" || !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) {
			t.Errorf("%s does not say what to do: %v", r.Alert, r.Annotations)
		}
		all = append(all, r.Expr)
	}
	return all
}
