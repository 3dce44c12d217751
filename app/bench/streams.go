package bench

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"flashsale/app/stress"
)

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
