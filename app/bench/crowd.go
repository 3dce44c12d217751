package bench

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Rush is a sale that was played through: every shopper presses once, as fast as the connections allow.
type Rush struct {
	Crowd
	// Streams and as many idle connections were open meanwhile.
	Streams int `json:"streams"`
	// SoldOut is from the first press until the answer to whoever got the last unit, in milliseconds.
	SoldOut float64 `json:"toLastUnitMs"`
	// Bought is of the 201s, from sending to having read the answer.
	Bought Percentiles `json:"latencyOf201Ms"`
	// Resident is the most memory the product held meanwhile, in bytes; 0 when not measured.
	Resident float64     `json:"residentBytes,omitempty"`
	Codes    map[int]int `json:"codes"`
	Ended    int         `json:"streamsEnded,omitempty"`
}

// Percentiles are in milliseconds.
type Percentiles struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

func percentiles(sorted []time.Duration) Percentiles {
	at := func(q float64) float64 { return milliseconds(quantile(sorted, q)) }
	return Percentiles{P50: at(.5), P90: at(.9), P99: at(.99), P999: at(.999), Max: at(1)}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// crowds plays the sale through twice: alone, for its times, and with streams and idle connections open, for the
// memory and for what they do to its times.
func (m *meter) crowds(ctx context.Context) error {
	if m.cfg.Crowd.Units == 0 {
		return nil
	}
	m.bar.say("a crowd")
	alone, err := m.rush(ctx)
	if err != nil {
		return fmt.Errorf("crowd: %w", err)
	}
	m.report.Crowd = &alone
	n := m.affordable()
	if n == 0 {
		return nil
	}
	m.bar.say("a crowd with streams")
	h, err := m.hold(ctx, n)
	defer h.close()
	if err != nil {
		m.note("a crowd with %d streams and %d idle connections: %v", n, n, err)
		return ctx.Err()
	}
	watched, err := m.rush(ctx)
	if err != nil {
		return fmt.Errorf("crowd with streams: %w", err)
	}
	watched.Streams, watched.Ended = n, n-h.streams.Open()
	m.report.Watched = &watched
	return nil
}

// rush sells the crowd's units to the crowd.
func (m *meter) rush(ctx context.Context) (Rush, error) {
	if err := m.shop.begin(ctx, m.cfg.Crowd.Units); err != nil {
		return Rush{}, err
	}
	p := m.path(pathPurchase)
	memory := m.peak(ctx)
	began := time.Now()
	t, err := p.load.run(ctx, shift{}, p.want, m.presses(p.load.host, m.cfg.Crowd.Shoppers, false))
	r := Rush{Crowd: m.cfg.Crowd, Resident: memory(), Codes: t.codes}
	if err != nil {
		return r, err
	}
	r.SoldOut, r.Bought = milliseconds(t.last.Sub(began)), percentiles(t.latencies)
	if got := t.good(http.StatusCreated); got != m.cfg.Crowd.Units {
		// Who was told "try again" does not in here, so units may be left; that is no fault, but no full sale either.
		m.note("a crowd of %d was confirmed %d of %d units at its first press: %v", m.cfg.Crowd.Shoppers, got, m.cfg.Crowd.Units, t.codes)
	}
	return r, m.settle(ctx)
}
