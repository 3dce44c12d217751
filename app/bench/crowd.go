package bench

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"flashsale/app/stress"
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

const (
	// otherDescriptors is how many descriptors a process needs for everything else: load, servers, files.
	otherDescriptors = 1500
	// restTime is how long the product gets no requests before its memory is read.
	restTime = 1500 * time.Millisecond
)

// idleClients are streams of live updates, and connections that have sent one request and no other.
type idleClients struct {
	streams     *stress.Streams
	connections []*conn
}

func (i *idleClients) close() {
	if i.streams != nil {
		i.streams.Close()
	}
	for _, c := range i.connections {
		c.close()
	}
}

// possibleStreams is how many of the wanted streams, with as many idle connections, both processes may have open here: no more
// than the product's share for streams.
func (m *meter) possibleStreams(ctx context.Context) int {
	n := m.cfg.Streams
	if limit := m.report.Machine.Descriptors; limit > 0 {
		n = min(n, max(0, limit-otherDescriptors)/2)
	}
	if s, err := m.scrape(ctx, m.cfg.Product); err == nil && s.has(metricStreamLimit) {
		n = min(n, int(s[metricStreamLimit]))
	}
	if n < m.cfg.Streams {
		m.note("a process may have %d descriptors open, and the product gives streams a share, so %d streams and %d idle connections are opened instead of %d each",
			m.report.Machine.Descriptors, n, n, m.cfg.Streams)
	}
	return n
}

// measureStreams finds the memory that an idle stream costs. The product must not have done other work before: a Go
// process keeps memory that it no longer needs and uses it again, and then the streams seem to cost nothing.
func (m *meter) measureStreams(ctx context.Context) error {
	n := m.possibleStreams(ctx)
	if n == 0 {
		return nil
	}
	if err := pause(ctx, restTime); err != nil {
		return err
	}
	before, err := m.resident(ctx)
	m.noteUnmeasured("memory per stream", err)
	streams, openErr := stress.OpenStreams(ctx, []string{m.cfg.Product.URL}, n)
	if openErr != nil {
		m.note("streams: %v", openErr)
		return ctx.Err()
	}
	defer streams.Close()
	if err := pause(ctx, restTime); err != nil {
		return err
	}
	m.report.Streams = &streamFigures{Open: streams.Open()}
	after, afterErr := m.resident(ctx)
	if err == nil && afterErr == nil {
		m.report.Streams.BytesEach = (after - before) / float64(n)
	}
	return nil
}

// openIdle opens n streams and n idle connections. The result is to be closed after an error, too.
func (m *meter) openIdle(ctx context.Context, n int) (*idleClients, error) {
	idle := &idleClients{}
	var err error
	if idle.streams, err = stress.OpenStreams(ctx, []string{m.cfg.Product.URL}, n); err != nil {
		return idle, err
	}
	g, err := newGenerator(m.cfg.Product.URL, n)
	if err != nil {
		return idle, err
	}
	idle.connections = g.conns
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(64)
	for _, c := range idle.connections {
		group.Go(func() error {
			_, _, err := c.do(ctx, []byte("GET /livez HTTP/1.1\r\nHost: "+g.host+"\r\n\r\n"), time.Now().Add(answerTime))
			return err
		})
	}
	return idle, group.Wait()
}
