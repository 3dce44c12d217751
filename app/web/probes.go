package web

import (
	"context"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// health is the original's probe.
func (s *Server) health(c echo.Context) error { return c.String(http.StatusOK, "OK") }

// livez says that the process answers. It never depends on another server: restarting this one would not
// mend them.
func (s *Server) livez(c echo.Context) error { return c.String(http.StatusOK, "OK") }

func (s *Server) readyz(c echo.Context) error {
	code, d := s.readiness(c.Request().Context())
	return writeJSON(c, code, d)
}

// readyDocument says whether this process should get requests, and why not.
type readyDocument struct {
	// Status is "ready", "degraded" when a dependency is away, or "draining" while the process stops.
	Status       string               `json:"status"`
	Version      string               `json:"version,omitzero"`
	Process      string               `json:"process,omitzero"`
	Dependencies []dependencyDocument `json:"dependencies"`
}

type dependencyDocument struct {
	Name     string  `json:"name"`
	OK       bool    `json:"ok"`
	Since    instant `json:"since,omitzero"`
	Address  string  `json:"address,omitzero"`
	Version  string  `json:"version,omitzero"`
	Embedded bool    `json:"embedded"`
	Detail   string  `json:"detail,omitzero"`
}

func (s *Server) readiness(ctx context.Context) (int, readyDocument) {
	d := readyDocument{Status: "ready", Version: s.cfg.Version, Process: s.cfg.ProcessID, Dependencies: []dependencyDocument{}}
	code := http.StatusOK
	for _, dep := range s.cfg.Operations.Ready(ctx) {
		d.Dependencies = append(d.Dependencies, dependencyDocument{
			Name: dep.Name, OK: dep.OK, Since: instant(dep.Since), Address: dep.Address,
			Version: dep.Version, Embedded: dep.Embedded, Detail: dep.Detail,
		})
		if !dep.OK {
			d.Status, code = "degraded", http.StatusServiceUnavailable
		}
	}
	if s.draining.Err() != nil {
		d.Status, code = "draining", http.StatusServiceUnavailable
	}
	return code, d
}

// OpsHandler answers the operator's listener: probes, metrics and profiles. It is for a private address: it
// checks neither host nor role.
func (s *Server) OpsHandler() http.Handler {
	mux := http.NewServeMux()
	ok := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("OK")) }
	mux.HandleFunc("GET /health", ok)
	mux.HandleFunc("GET /livez", ok)
	mux.HandleFunc("GET /readyz", s.opsReadyz)
	if s.cfg.Gatherer != nil {
		mux.Handle("GET /metrics", promhttp.HandlerFor(s.cfg.Gatherer, promhttp.HandlerOpts{Timeout: 10 * time.Second}))
	}
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

func (s *Server) opsReadyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), answerTime)
	defer cancel()
	code, d := s.readiness(ctx)
	body, err := json.Marshal(d)
	if err != nil {
		http.Error(w, "the readiness could not be written", http.StatusInternalServerError)
		return
	}
	w.Header()["Content-Type"] = plainJSON
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n'))
}
