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

// readyz says whether a load balancer may send requests here. A server that is away is no reason against it: every
// instance shares that server, so all of them would go, and each goes on answering without it.
func (s *Server) readyz(c echo.Context) error {
	state := s.readiness()
	return writeJSON(c, state.code(), readyDocument{Status: state})
}

// readiness says whether this process can give true answers.
type readiness string

const (
	ready readiness = "ready"
	// starting: no figures of the ledger were ever read, so there is nothing to answer from.
	starting readiness = "starting"
	// draining: the process stops.
	draining readiness = "draining"
)

// readiness asks nobody, so that the probe is as fast as memory. Figures that were read once came from a schema that
// is up to date.
func (s *Server) readiness() readiness {
	switch {
	case s.draining.Err() != nil:
		return draining
	case !s.cfg.Board.Ready():
		return starting
	}
	return ready
}

func (r readiness) code() int {
	if r == ready {
		return http.StatusOK
	}
	return http.StatusServiceUnavailable
}

// readyDocument is what everybody may know: nothing of the machine, the program or the servers behind it.
type readyDocument struct {
	Status readiness `json:"status"`
}

// degraded is what operators are told instead of ready while a server is away.
const degraded readiness = "degraded"

// operatorsDocument is the same for operators, with the servers this process depends on.
type operatorsDocument struct {
	Status       readiness            `json:"status"`
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

// operatorsView is the code of the probe and what operators are told besides.
func (s *Server) operatorsView(ctx context.Context) (int, operatorsDocument) {
	state := s.readiness()
	d := operatorsDocument{Status: state, Version: s.cfg.Version, Process: s.cfg.ProcessID, Dependencies: []dependencyDocument{}}
	for _, dep := range s.cfg.Operations.Dependencies(ctx) {
		d.Dependencies = append(d.Dependencies, dependencyDocument{
			Name: dep.Name, OK: dep.OK, Since: instant(dep.Since), Address: dep.Address,
			Version: dep.Version, Embedded: dep.Embedded, Detail: dep.Detail,
		})
		if !dep.OK && state == ready {
			d.Status = degraded
		}
	}
	return state.code(), d
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
	code, d := s.operatorsView(ctx)
	body, err := json.Marshal(d)
	if err != nil {
		http.Error(w, "the readiness could not be written", http.StatusInternalServerError)
		return
	}
	w.Header()["Content-Type"] = plainJSON
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n'))
}
