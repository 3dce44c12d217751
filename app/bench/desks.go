package bench

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// deskRounds is how often purchases are measured beside open desks and without them, in turn.
	deskRounds = 5
	// deskRate is how many shoppers press in a second meanwhile. As in a storm it is far below what the instance can do.
	deskRate = 1000
	// maxDesks bounds the desks of one measurement. A process takes more streams of figures than that.
	maxDesks = 100
)

// errDesk is a desk that cannot be opened.
var errDesk = errors.New("a desk cannot be opened")

// deskFigures compare purchases beside open desks with those without. A desk is the run of show of the sale as a browser has it: the
// page, its figures, and their stream. Latencies count from when a press was due.
type deskFigures struct {
	Open int `json:"desks"`
	// Units is how many were sold beside the desks; as many were sold without.
	Units int `json:"units"`
	// Refused are the presses of both that were not answered 201.
	Refused int `json:"refused"`
	// Frames is how many frames of figures the desks got. Ended is how many of them did not last until the end of their round.
	Frames int64 `json:"frames"`
	Ended  int   `json:"desksEnded,omitempty"`
	// Calm and Beside are the p99 of purchases without and with the desks, Ratio the second divided by the first, per round.
	Calm   *quartiles `json:"p99WithoutMs"`
	Beside *quartiles `json:"p99WithMs"`
	Ratio  *quartiles `json:"ratioOfP99"`
	// CalmCPU and BesideCPU are the CPU time of the process and of its servers for one purchase, without and with the desks.
	CalmCPU   *quartiles `json:"cpuWithoutMicroseconds"`
	BesideCPU *quartiles `json:"cpuWithMicroseconds"`
}

// deskRound is what was measured in one round, in milliseconds and microseconds. known is false where the CPU time is not.
type deskRound struct {
	p99, cpu float64
	known    bool
}

// measureDesks sells the units of a crowd beside open desks, and as many without, in rounds.
func (m *meter) measureDesks(ctx context.Context) error {
	if m.cfg.Desks == 0 {
		return nil
	}
	m.bar.show("desks")
	now, err := m.operator.status(ctx)
	if err != nil {
		return fmt.Errorf("desks: %w", err)
	}
	each := max(1, min(cmp.Or(m.cfg.Crowd.Units, goalUnits), m.cfg.Shoppers)/deskRounds)
	found := deskFigures{Open: m.cfg.Desks, Units: deskRounds * each}
	var calm, beside, ratio, calmCPU, besideCPU []float64
	for n := range deskRounds {
		var with, without deskRound
		runs := []func() error{
			func() (err error) { with, err = m.sellBeside(ctx, now.Slug, each, m.cfg.Desks, &found); return err },
			func() (err error) { without, err = m.sellBeside(ctx, now.Slug, each, 0, &found); return err },
		}
		if n%2 == 1 {
			slices.Reverse(runs)
		}
		for _, run := range runs {
			err := run()
			if errors.Is(err, errDesk) {
				m.note("purchases beside desks: not measured: %v", err)
				return nil
			}
			if err != nil {
				return fmt.Errorf("desks: %w", err)
			}
		}
		calm, beside = append(calm, without.p99), append(beside, with.p99)
		if without.p99 > 0 && with.p99 > 0 {
			ratio = append(ratio, with.p99/without.p99)
		}
		if without.known && with.known {
			calmCPU, besideCPU = append(calmCPU, without.cpu), append(besideCPU, with.cpu)
		}
	}
	found.Calm, found.Beside, found.Ratio = quartilesOf(calm), quartilesOf(beside), quartilesOf(ratio)
	found.CalmCPU, found.BesideCPU = quartilesOf(calmCPU), quartilesOf(besideCPU)
	m.report.Desks = &found
	return nil
}

// sellBeside sells some units with so many desks open.
func (m *meter) sellBeside(ctx context.Context, slug string, units, open int, found *deskFigures) (round deskRound, err error) {
	if err := m.operator.begin(ctx, units); err != nil {
		return round, err
	}
	desks, err := m.openDesks(ctx, slug, open)
	if err != nil {
		return round, err
	}
	defer desks.close()
	before := m.usage(ctx, m.cfg.Product)
	load := m.path(pathPurchase).load
	next := m.purchaseRequests(load.host, units, false)
	presses, err := load.atRate(ctx, deskRate, units, time.Now(), func(b []byte, _ int) []byte {
		b, _ = next(b)
		return b
	})
	if err != nil {
		return round, err
	}
	if err := m.settle(ctx); err != nil {
		return round, err
	}
	cost := m.spent(m.cfg.Product, before, m.usage(ctx, m.cfg.Product))
	cpu, known := cost[costCPU]
	round.cpu, round.known = (cpu+cost[costServers])/float64(units)*1e6, known
	var took []time.Duration
	for _, p := range presses {
		if p.code != http.StatusCreated {
			found.Refused++
			continue
		}
		took = append(took, p.took)
	}
	slices.Sort(took)
	desks.close()
	found.Frames, found.Ended = found.Frames+desks.frames.Load(), found.Ended+int(desks.ended.Load())
	round.p99 = milliseconds(quantile(took, .99))
	return round, nil
}

// desks are runs of show that are open. close ends them; it may be called more than once.
type desks struct {
	stop   context.CancelFunc
	wg     sync.WaitGroup
	client *http.Client
	frames atomic.Int64
	ended  atomic.Int64
}

// openDesks opens n desks, and returns when each has its first frame. An error that is errDesk says which answer was none.
func (m *meter) openDesks(ctx context.Context, slug string, n int) (*desks, error) {
	open, stop := context.WithCancel(ctx)
	d := &desks{stop: stop, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4, ResponseHeaderTimeout: answerTime, Proxy: nil}}}
	api := "/api/admin/sales/" + slug + "/figures"
	for range n {
		for _, path := range []string{"/admin/sales/" + slug, api} {
			body, err := d.get(open, m.cfg.Product.URL+path)
			if err == nil {
				_, err = io.Copy(io.Discard, body)
				err = errors.Join(err, body.Close())
			}
			if err != nil {
				d.close()
				return nil, err
			}
		}
		if err := d.watch(open, m.cfg.Product.URL+api+"/stream"); err != nil {
			d.close()
			return nil, err
		}
	}
	return d, nil
}

func (d *desks) get(ctx context.Context, address string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "text/html, text/event-stream, application/json")
	answer, err := d.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDesk, err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("%w: %s answers %s", errDesk, address, answer.Status), answer.Body.Close())
	}
	return answer.Body, nil
}

// watch reads a stream of figures until the desks are closed. It returns when the first frame is there.
func (d *desks) watch(ctx context.Context, address string) error {
	body, err := d.get(ctx, address)
	if err != nil {
		return err
	}
	late := time.AfterFunc(answerTime, d.stop) // a stream that never says anything
	defer late.Stop()
	lines := bufio.NewReaderSize(body, maxBody)
	if err := frame(lines); err != nil {
		return errors.Join(fmt.Errorf("%w: %s ends: %w", errDesk, address, err), body.Close())
	}
	d.frames.Add(1)
	d.wg.Go(func() {
		defer func() { _ = body.Close() }()
		for frame(lines) == nil {
			d.frames.Add(1)
		}
		if ctx.Err() == nil {
			d.ended.Add(1)
		}
	})
	return nil
}

// frame reads to the end of the next frame that has data.
func frame(lines *bufio.Reader) error {
	for data, within := false, false; ; {
		line, err := lines.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		begins := !within
		within = err != nil // a line that is longer than the buffer comes in parts
		switch {
		case begins && bytes.HasPrefix(line, []byte("data:")):
			data = true
		case begins && data && len(bytes.TrimSpace(line)) == 0:
			return nil
		}
	}
}

func (d *desks) close() {
	d.stop()
	d.wg.Wait()
	d.client.CloseIdleConnections()
}
