package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
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
	// Beside compares such sales with others; nil for a sale alone.
	Beside *besideFigures `json:"beside,omitempty"`
	// cpu is the CPU time of the process in milliseconds, frames how many frames the streams were sent.
	cpu, frames float64
}

// besideFigures compare sales with streams open and sales with as many idle connections in their place, in turn. As many more idle
// connections are open all the time, so that only what the streams are sent differs.
type besideFigures struct {
	// Calm and Beside are the p99 of 201s without and with the streams, Ratio the second divided by the first in the same round,
	// and MedianRatio that of the p50s.
	Calm        *quartiles `json:"p99WithoutMs"`
	Beside      *quartiles `json:"p99WithMs"`
	Ratio       *quartiles `json:"ratioOfP99"`
	MedianRatio *quartiles `json:"ratioOfP50"`
	// CalmCPU and BesideCPU are the CPU time that the process takes for a whole sale and what follows from it, in milliseconds.
	CalmCPU   *quartiles `json:"cpuWithoutMs"`
	BesideCPU *quartiles `json:"cpuWithMs"`
	// Frames is how many frames all streams together were sent in a sale.
	Frames *quartiles `json:"frames"`
}

// crowdRounds is how often a sale is measured with streams and without. Few streams make no difference that could be measured: with
// less than manyStreams one round shows that it works.
const crowdRounds, manyStreams = 5, 1000

// measureCrowds measures a sale alone, for its times, and then sales with streams and idle connections open, for the memory and, in
// turn with sales without the streams, for the difference that they make to the times.
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
	m.bar.show("crowds with streams")
	idle, err := m.openClients(ctx, 0, n)
	defer idle.close()
	if err == nil {
		err = m.compareCrowds(ctx, n)
	}
	if errors.Is(err, errIdle) {
		m.note("a crowd with %d streams and %d idle connections: %v", n, n, err)
		return ctx.Err()
	}
	return err
}

// compareCrowds sells to a crowd with n streams open, and to one with n more idle connections instead, in rounds.
func (m *meter) compareCrowds(ctx context.Context, n int) error {
	var calm, beside, ratio, middle, calmCPU, besideCPU, frames []float64
	rounds := crowdRounds
	if n < manyStreams {
		rounds = 1
	}
	for round := range rounds {
		var with, without crowdFigures
		runs := []func() error{
			func() (err error) { with, err = m.sellBesideIdle(ctx, n, 0); return err },
			func() (err error) { without, err = m.sellBesideIdle(ctx, 0, n); return err },
		}
		if round%2 == 1 {
			slices.Reverse(runs)
		}
		for _, run := range runs {
			if err := run(); err != nil {
				return fmt.Errorf("crowd beside streams: %w", err)
			}
		}
		calm, beside, frames = append(calm, without.Bought.P99), append(beside, with.Bought.P99), append(frames, with.frames)
		if without.Bought.P99 > 0 {
			ratio = append(ratio, with.Bought.P99/without.Bought.P99)
			middle = append(middle, with.Bought.P50/without.Bought.P50)
		}
		if with.cpu > 0 && without.cpu > 0 {
			calmCPU, besideCPU = append(calmCPU, without.cpu), append(besideCPU, with.cpu)
		}
		if m.report.CrowdWithStreams == nil {
			m.report.CrowdWithStreams = &with
		}
	}
	m.report.CrowdWithStreams.Beside = &besideFigures{Calm: quartilesOf(calm), Beside: quartilesOf(beside), Ratio: quartilesOf(ratio),
		MedianRatio: quartilesOf(middle), CalmCPU: quartilesOf(calmCPU), BesideCPU: quartilesOf(besideCPU), Frames: quartilesOf(frames)}
	return nil
}

// sellBesideIdle sells to a crowd while so many streams and idle connections more are open.
func (m *meter) sellBesideIdle(ctx context.Context, streams, connections int) (crowdFigures, error) {
	idle, err := m.openClients(ctx, streams, connections)
	defer idle.close()
	if err == nil {
		err = pause(ctx, restTime)
	}
	if err != nil {
		return crowdFigures{}, err
	}
	before, shown := m.usage(ctx, m.cfg.Product), idle.streams.Frames()
	found, err := m.sellToCrowd(ctx)
	if err != nil {
		return found, err
	}
	found.cpu = m.spent(m.cfg.Product, before, m.usage(ctx, m.cfg.Product))[costCPU] * 1000
	found.frames = float64(idle.streams.Frames() - shown)
	found.Streams, found.Ended = streams, streams-idle.streams.Open()
	return found, nil
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

// errIdle is an idle connection or a stream that cannot be opened.
var errIdle = errors.New("it cannot be opened")

// openIdle opens n streams and n idle connections. The result is to be closed after an error, too.
func (m *meter) openIdle(ctx context.Context, n int) (*idleClients, error) {
	return m.openClients(ctx, n, n)
}

// openClients is openIdle for different numbers.
func (m *meter) openClients(ctx context.Context, streams, connections int) (*idleClients, error) {
	idle := &idleClients{}
	var err error
	if idle.streams, err = stress.OpenStreams(ctx, []string{m.cfg.Product.URL}, streams); err != nil {
		return idle, fmt.Errorf("%w: %w", errIdle, err)
	}
	g, err := newGenerator(m.cfg.Product.URL, connections)
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
	if err := group.Wait(); err != nil {
		return idle, fmt.Errorf("%w: %w", errIdle, err)
	}
	return idle, nil
}
