package bench

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// crowdFigures are those of a sale from its opening to its last unit: every shopper sends one purchase request, as fast
// as the connections allow.
type crowdFigures struct {
	Crowd
	// Streams is how many live updates, and as many idle connections, were open at the same time.
	Streams int `json:"streams"`
	// SoldOut is the time from the first request to the answer that confirmed the last unit, in milliseconds.
	SoldOut float64 `json:"toLastUnitMs"`
	// Bought is the time from sending a request to its 201.
	Bought percentiles `json:"latencyOf201Ms"`
	// Resident is the most memory the product used during the sale, in bytes; 0 when not measured.
	Resident float64 `json:"residentBytes,omitempty"`
	// Codes counts the answers by status code.
	Codes map[int]int `json:"codes"`
	// Ended is how many of the live updates did not last until the end.
	Ended int `json:"streamsEnded,omitempty"`
}

// measureCrowds measures two such sales: one alone, for its times, and one with streams and idle connections open, for
// the memory and for the difference that they make to the times.
func (m *meter) measureCrowds(ctx context.Context) error {
	if m.cfg.Crowd.Units == 0 {
		return nil
	}
	m.bar.show("a crowd")
	alone, err := m.sellToCrowd(ctx)
	if err != nil {
		return fmt.Errorf("crowd: %w", err)
	}
	m.report.Crowd = &alone
	n := m.possibleStreams(ctx)
	if n == 0 {
		return nil
	}
	m.bar.show("a crowd with streams")
	idle, err := m.openIdle(ctx, n)
	defer idle.close()
	if err != nil {
		m.note("a crowd with %d streams and %d idle connections: %v", n, n, err)
		return ctx.Err()
	}
	with, err := m.sellToCrowd(ctx)
	if err != nil {
		return fmt.Errorf("crowd with streams: %w", err)
	}
	with.Streams, with.Ended = n, n-idle.streams.Open()
	m.report.CrowdWithStreams = &with
	return nil
}

// sellToCrowd opens a sale and lets every shopper of the crowd ask once.
func (m *meter) sellToCrowd(ctx context.Context) (crowdFigures, error) {
	if err := m.operator.begin(ctx, m.cfg.Crowd.Units); err != nil {
		return crowdFigures{}, err
	}
	p := m.path(pathPurchase)
	stop := m.peak(ctx)
	began := time.Now()
	t, err := p.load.run(ctx, timing{}, p.want, m.purchaseRequests(p.load.host, m.cfg.Crowd.Shoppers, false))
	found := crowdFigures{Crowd: m.cfg.Crowd, Resident: stop(), Codes: t.codes}
	if err != nil {
		return found, err
	}
	found.SoldOut, found.Bought = milliseconds(t.last.Sub(began)), percentilesOf(t.latencies)
	if got := t.good(http.StatusCreated); got != m.cfg.Crowd.Units {
		// A shopper whose answer is "try again" does not do so here, and then units are left. That is no fault of the product,
		// but the time to the last unit is not that of a complete sale.
		m.note("a crowd of %d got %d of %d units with one request each: %v", m.cfg.Crowd.Shoppers, got, m.cfg.Crowd.Units, t.codes)
	}
	return found, m.settle(ctx)
}
