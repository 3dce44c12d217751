package instance

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"flashsale/app/config"
	"flashsale/app/operator"
	"flashsale/app/web/admin"
)

const (
	probeEvery    = time.Second
	probePatience = 800 * time.Millisecond
)

// probes asks each server once a second and keeps the last answer, so that a readiness probe costs nothing and never waits.
type probes struct {
	list []probe
	mu   sync.Mutex
	last []admin.Dependency

	degraded *prometheus.GaugeVec
}

// probe asks one server for its version.
type probe struct {
	name, address string
	embedded      bool
	ask           func(context.Context) (version string, err error)
}

func newProbes(c *wiring, reg prometheus.Registerer) *probes {
	s := c.servers
	p := &probes{degraded: degraded(reg), list: []probe{
		{"PostgreSQL", DatabaseAddress(s.Settings), c.cfg.DatabaseURL == "", func(ctx context.Context) (string, error) {
			var v string
			err := s.pool.QueryRow(ctx, "SHOW server_version").Scan(&v)
			if err == nil {
				err = troubled("it answers, but claims cannot be decided", c.ledger.Trouble())
			}
			return v, err
		}},
		{"Redis", RedisAddress(s.Settings), c.cfg.RedisURL == "", func(ctx context.Context) (string, error) {
			return "", c.places.Ping(ctx)
		}},
		{"Kafka", KafkaAddress(s.Settings), len(c.cfg.KafkaBrokers) == 0, func(ctx context.Context) (string, error) {
			err := s.log.Ping(ctx)
			if err == nil {
				err = troubled("it answers, but records cannot be written", s.log.Trouble())
			}
			return "", err
		}},
	}}
	if c.replica != nil {
		p.list = append(p.list, probe{"PostgreSQL replica", config.Place(c.cfg.ReplicaURL), false, func(context.Context) (string, error) {
			return "", troubled("lists are read from the primary", c.replica.Unused())
		}})
	}
	now := time.Now().UTC()
	for _, one := range p.list {
		p.last = append(p.last, admin.Dependency{Name: one.name, Address: one.address, Embedded: one.embedded,
			OK: true, Since: now, Detail: "answered at the start"})
	}
	return p
}

// certificatesProbe is the name of the probe that looks at certificates of an authority, which is no server that requests need.
const certificatesProbe = "Certificates"

// add puts one on the list, before anything runs.
func (p *probes) add(one probe) {
	p.list = append(p.list, one)
	p.last = append(p.last, admin.Dependency{Name: one.name, Address: one.address, Embedded: one.embedded, OK: true, Since: time.Now().UTC()})
}

// troubleError says that a server answers and yet does not do what it is there for, as with a full disk.
type troubleError struct {
	what  string
	cause error
}

func (e *troubleError) Error() string { return e.what + ": " + e.cause.Error() }
func (e *troubleError) Unwrap() error { return e.cause }

func troubled(what string, cause error) error {
	if cause == nil {
		return nil
	}
	return &troubleError{what, cause}
}

// Run probes until ctx ends.
func (p *probes) Run(ctx context.Context) error {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		p.round(ctx)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (p *probes) round(ctx context.Context) {
	var wg sync.WaitGroup
	for i, one := range p.list {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, probePatience)
			defer cancel()
			version, err := one.ask(ctx)
			if ctx.Err() == context.Canceled {
				return
			}
			p.note(i, version, err)
		})
	}
	wg.Wait()
}

// show keeps the metric of one server.
func (p *probes) show(name string, ok bool) {
	part := map[string]string{"PostgreSQL": "postgres", "Kafka": "kafka"}[name]
	if part == "" {
		return
	}
	away := 1.0
	if ok {
		away = 0
	}
	p.degraded.WithLabelValues(part).Set(away)
}

func (p *probes) note(i int, version string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := &p.last[i]
	if d.OK != (err == nil) {
		d.Since = time.Now().UTC()
	}
	d.OK, d.Detail = err == nil, ""
	p.show(d.Name, d.OK)
	if version != "" {
		d.Version = version
	}
	if err != nil {
		d.Detail, _ = Refusal(err)
		if trouble := (*troubleError)(nil); errors.As(err, &trouble) {
			d.Detail = trouble.what + ": " + d.Detail
		}
	}
}

func (p *probes) dependencies() []admin.Dependency {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]admin.Dependency(nil), p.last...)
}

// acting is what app/web needs for operators: the acts, and the last answers of the probes.
type acting struct {
	*operator.Acts
	probing *probes
}

// Dependencies says of each server whether it answered the last probe, and since when that is so.
func (a acting) Dependencies(context.Context) []admin.Dependency { return a.probing.dependencies() }
