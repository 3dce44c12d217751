package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// decisions looks at which way the claims of the run were decided: through the log, as they should be while it is
// healthy, or directly.
func (m *meter) decisions(ctx context.Context, before sample) {
	after, err := m.scrape(ctx, m.cfg.Product)
	if err != nil {
		m.unmeasured("the share of direct decisions", err)
		return
	}
	if batches := after[metricBatches] - before[metricBatches]; batches > 0 {
		m.report.Batch = (after[metricBatchSum] - before[metricBatchSum]) / batches
	}
	if !after.has(metricVerdicts) {
		m.note("the share of direct decisions: not measured: the product does not show %s", metricVerdicts)
		return
	}
	all := after[metricVerdicts] - before[metricVerdicts]
	direct := after.labelled(metricVerdicts, "source", "direct") - before.labelled(metricVerdicts, "source", "direct")
	if all > 0 {
		share := direct / all
		m.report.Direct = &share
	}
}

// verify asks for the invariants when all is done.
func (m *meter) verify(ctx context.Context) error {
	m.bar.say("verify")
	checks, err := m.shop.verify(ctx)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	m.report.Verify, m.report.OK = checks, !anyBroken(checks)
	return nil
}

// profileTime is how long a profile is taken.
const profileTime = 8 * time.Second

// profile takes a CPU profile of a process during presses that are not part of the figures.
func (m *meter) profile(ctx context.Context) error {
	if m.cfg.Profile == nil {
		return nil
	}
	m.bar.say("profile")
	p := m.path(m.cfg.ProfileOf)
	if p == nil || p.target.Ops == "" {
		return fmt.Errorf("no profile: %w", errUnmeasured)
	}
	result := make(chan error, 1)
	go func() { result <- m.fetchProfile(ctx, p.target.Ops) }()
	for {
		select {
		case err := <-result:
			return err
		default:
		}
		next, err := p.begin(ctx)
		if err == nil {
			_, err = p.load.run(ctx, shift{length: 4 * m.cfg.Slice}, p.want, next)
		}
		if err != nil {
			return errors.Join(err, <-result)
		}
	}
}

func (m *meter) fetchProfile(ctx context.Context, ops string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*profileTime+answerTime)
	defer cancel()
	address := ops + "/debug/pprof/profile?seconds=" + strconv.Itoa(int(profileTime.Seconds()))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	response, err := m.client.Do(request)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("profile: %s answers %s", address, response.Status)
	}
	if _, err := io.Copy(m.cfg.Profile, response.Body); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	return nil
}
