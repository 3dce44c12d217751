package web

import (
	"net/http"
	"strings"
	"testing"

	"flashsale/app/web/admin"
)

// probed is a server with two dependencies whose details only operators may see.
func probed(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, func(c *Config) { c.Version = "v1.2"; c.ProcessID = "p1" })
	w.ops.ready = []admin.Dependency{
		{Name: "PostgreSQL", Address: "192.0.2.1:5432", Version: "17.2", OK: true, Since: noon, Embedded: true},
		{Name: "Redis", Address: "192.0.2.2:6379", OK: true, Since: noon, Detail: "dial tcp 192.0.2.2:6379"},
	}
	return w
}

// The code says whether this process can give true answers, whatever server is away; what is away is told operators.
func TestReadyMeansThatAnswersAreTrue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change       func(w *world)
		code         int
		public, told string
	}{
		"all there":         {func(*world) {}, 200, "ready", "ready"},
		"one away":          {func(w *world) { w.ops.ready[1].OK = false }, 200, "ready", "degraded"},
		"all away":          {func(w *world) { w.ops.ready[0].OK, w.ops.ready[1].OK = false, false }, 200, "ready", "degraded"},
		"nothing looked up": {func(w *world) { w.catalog.unready = true }, 503, "starting", "starting"},
		"starting, one away": {func(w *world) { w.catalog.unready, w.ops.ready[1].OK = true, false },
			503, "starting", "starting"},
		"draining":           {func(w *world) { w.Drain() }, 503, "draining", "draining"},
		"draining, one away": {func(w *world) { w.ops.ready[1].OK = false; w.Drain() }, 503, "draining", "draining"},
	} {
		w := probed(t)
		c.change(w)
		public, told := ask(t, w.Handler(), "/readyz"), ask(t, w.OpsHandler(), "/readyz")
		if public.StatusCode != c.code || public.json["status"] != c.public {
			t.Errorf("%s: everybody is answered %d %s", name, public.StatusCode, public.raw)
		}
		if told.StatusCode != c.code || told.json["status"] != c.told {
			t.Errorf("%s: operators are answered %d %s", name, told.StatusCode, told.raw)
		}
		for _, h := range []http.Handler{w.Handler(), w.OpsHandler()} {
			for _, path := range []string{"/health", "/livez"} {
				if res := ask(t, h, path); res.StatusCode != http.StatusOK || res.raw != "OK" {
					t.Errorf("%s: %s answers %d %s", name, path, res.StatusCode, res.raw)
				}
			}
		}
	}
}

func TestOnlyOperatorsAreToldOfTheServers(t *testing.T) {
	t.Parallel()
	w := probed(t)
	w.ops.ready[1].OK = false
	told := ask(t, w.OpsHandler(), "/readyz")
	told.has(t, map[string]any{"version": "v1.2", "process": "p1"})
	if deps, _ := told.json["dependencies"].([]any); len(deps) != 2 || deps[0].(map[string]any)["since"] != at12 {
		t.Errorf("operators are told %s", told.raw)
	}
	public := ask(t, w.Handler(), "/readyz")
	if len(public.json) != 1 {
		t.Errorf("everybody is told more than a status: %s", public.raw)
	}
	for _, secret := range []string{"v1.2", "p1", "PostgreSQL", "Redis", "192.0.2", "17.2", "since"} {
		if !strings.Contains(told.raw, secret) {
			t.Errorf("operators are not told %q: %s", secret, told.raw)
		}
		if strings.Contains(public.raw, secret) {
			t.Errorf("everybody is told %q: %s", secret, public.raw)
		}
	}
}
