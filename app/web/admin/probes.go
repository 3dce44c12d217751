package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
)

// Health is the original's probe.
func (hs *Handlers) Health(c echo.Context) error { return c.String(http.StatusOK, "OK") }

// Livez says that the process answers. It depends on no other server, because a restart of this process repairs no
// other server.
func (hs *Handlers) Livez(c echo.Context) error { return c.String(http.StatusOK, "OK") }

// Readyz says whether a load balancer may send requests here. It stays ready when a server behind this process does not
// answer: all instances share that server and each can answer without it, so a load balancer must not remove them all.
func (hs *Handlers) Readyz(c echo.Context) error {
	state := hs.readiness()
	return request.WriteJSON(c, state.code(), readyDocument{Status: state})
}

// readiness says whether this process can give true answers.
type readiness string

const (
	ready readiness = "ready"
	// starting: this process has not yet read the sales from the ledger, so it cannot answer.
	starting readiness = "starting"
	// draining: the process stops.
	draining readiness = "draining"
)

// readiness reads memory only, so the probe never waits. The schema needs no check: sales could be read only from a
// schema that is up to date.
func (hs *Handlers) readiness() readiness {
	switch {
	case hs.cfg.Drain.Begun():
		return draining
	case !hs.cfg.Catalog.Ready():
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

// readyDocument is what everybody is told: nothing about the machine, the program or the servers behind it.
type readyDocument struct {
	Status readiness `json:"status"`
}

// Dependency is a server this program needs, as the last probe found it.
type Dependency struct {
	Name     string
	Address  string
	Version  string
	OK       bool
	Since    time.Time
	Embedded bool
	Detail   string
}

// degraded is what operators are told instead of ready while a server does not answer.
const degraded readiness = "degraded"

// operatorsDocument is what operators are told: also the program and the servers that this process depends on.
type operatorsDocument struct {
	Status       readiness            `json:"status"`
	Version      string               `json:"version,omitzero"`
	Process      string               `json:"process,omitzero"`
	Dependencies []dependencyDocument `json:"dependencies"`
}

type dependencyDocument struct {
	Name     string          `json:"name"`
	OK       bool            `json:"ok"`
	Since    request.Instant `json:"since,omitzero"`
	Address  string          `json:"address,omitzero"`
	Version  string          `json:"version,omitzero"`
	Embedded bool            `json:"embedded"`
	Detail   string          `json:"detail,omitzero"`
}

// operatorsView is the status code of the probe and the document for operators.
func (hs *Handlers) operatorsView(ctx context.Context) (int, operatorsDocument) {
	state := hs.readiness()
	d := operatorsDocument{Status: state, Version: hs.cfg.Version, Process: hs.cfg.ProcessID, Dependencies: []dependencyDocument{}}
	for _, dep := range hs.cfg.Operations.Dependencies(ctx) {
		d.Dependencies = append(d.Dependencies, dependencyDocument{
			Name: dep.Name, OK: dep.OK, Since: request.Instant(dep.Since), Address: dep.Address,
			Version: dep.Version, Embedded: dep.Embedded, Detail: dep.Detail,
		})
		if !dep.OK && state == ready {
			d.Status = degraded
		}
	}
	return state.code(), d
}
