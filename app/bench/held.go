package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"flashsale/app/stress"
)

const (
	// spareDescriptors is what a process needs beside what is held open: presses, servers, files.
	spareDescriptors = 1500
	// restTime is how long the product is left alone before its memory is looked at.
	restTime = 1500 * time.Millisecond
	// sampleEvery is how often the memory is looked at during a crowd.
	sampleEvery = 200 * time.Millisecond
)

// held are streams of live updates and connections that have sent one request and then nothing.
type held struct {
	streams *stress.Streams
	idle    []*conn
}

func (h *held) close() {
	if h == nil {
		return
	}
	if h.streams != nil {
		h.streams.Close()
	}
	for _, c := range h.idle {
		c.close()
	}
	h.idle = nil
}

// affordable is how many streams, and as many idle connections, this machine's limits allow at either end.
func (m *meter) affordable() int {
	n := m.cfg.Streams
	if limit := m.report.Machine.Descriptors; limit > 0 {
		n = min(n, max(0, limit-spareDescriptors)/2)
	}
	if n < m.cfg.Streams {
		m.note("a process may have %d descriptors open, so %d streams and %d idle connections are held instead of %d each",
			m.report.Machine.Descriptors, n, n, m.cfg.Streams)
	}
	return n
}

// resident is the memory the product holds, in bytes.
func (m *meter) resident(ctx context.Context) (float64, error) {
	s, err := m.scrape(ctx, m.cfg.Product)
	if err == nil && !s.has(metricResident) {
		err = fmt.Errorf("%w: the product cannot tell on this system", errUnmeasured)
	}
	return s[metricResident], err
}

// measureStreams finds what an idle stream costs, on a product that has done nothing yet: later, memory that was used
// and given back inside the process would be used again and hide the cost.
func (m *meter) measureStreams(ctx context.Context) error {
	n := m.affordable()
	if n == 0 {
		return nil
	}
	if err := pause(ctx, restTime); err != nil {
		return err
	}
	before, err := m.resident(ctx)
	m.unmeasured("memory per stream", err)
	streams, openErr := stress.OpenStreams(ctx, []string{m.cfg.Product.URL}, n)
	if openErr != nil {
		m.note("streams: %v", openErr)
		return ctx.Err()
	}
	defer streams.Close()
	if err := pause(ctx, restTime); err != nil {
		return err
	}
	m.report.Streams = &Streams{Held: streams.Open()}
	after, lookErr := m.resident(ctx)
	if err == nil && lookErr == nil {
		m.report.Streams.BytesEach = (after - before) / float64(n)
	}
	return nil
}

// hold opens streams and idle connections.
func (m *meter) hold(ctx context.Context, n int) (*held, error) {
	h := &held{}
	var err error
	if h.streams, err = stress.OpenStreams(ctx, []string{m.cfg.Product.URL}, n); err != nil {
		return h, err
	}
	one, err := newGenerator(m.cfg.Product.URL, n)
	if err != nil {
		return h, err
	}
	h.idle = one.conns
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(64)
	for _, c := range h.idle {
		group.Go(func() error {
			_, _, err := c.do(ctx, []byte("GET /livez HTTP/1.1\r\nHost: "+one.host+"\r\n\r\n"), time.Now().Add(answerTime))
			return err
		})
	}
	return h, group.Wait()
}

// peak looks at the product's memory again and again until stop is called, which gives the most it has seen.
func (m *meter) peak(ctx context.Context) (stop func() float64) {
	ctx, cancel := context.WithCancel(ctx)
	most := 0.0
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			if now, err := m.resident(ctx); err == nil {
				most = max(most, now)
			}
			if pause(ctx, sampleEvery) != nil {
				return
			}
		}
	})
	return func() float64 {
		cancel()
		wg.Wait()
		return most
	}
}
