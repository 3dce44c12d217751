package bench

import (
	"context"
	"errors"
)

// glance is what a process and everything around it has used up to now, and how often it had been looked at.
type glance struct {
	used  cost
	looks int
}

// scrape looks at a process and counts that, since looking has its cost too.
func (m *meter) scrape(ctx context.Context, of Target) (sample, error) {
	m.looks[of.Ops]++
	return scrape(ctx, m.client, of.Ops)
}

// calibrate finds out what looking at each process costs it.
func (m *meter) calibrate(ctx context.Context) {
	const times = 10
	for _, of := range []Target{m.cfg.Product, m.cfg.Noop, m.cfg.Saturated} {
		before, err := m.scrape(ctx, of)
		if err != nil {
			continue // look tells why
		}
		after := before
		for range times {
			if after, err = m.scrape(ctx, of); err != nil {
				return
			}
		}
		each := cost{}
		for part, metric := range inMetrics() {
			each[part] = (after[metric] - before[metric]) / times
		}
		m.eachLook[of.Ops] = each
	}
}

// look takes a glance. What cannot be seen on this system is noted once and left out.
func (m *meter) look(ctx context.Context, of Target) glance {
	g := glance{used: cost{}}
	s, err := m.scrape(ctx, of)
	m.unmeasured("CPU and allocations per request", err)
	for part, metric := range inMetrics() {
		if s.has(metric) {
			g.used[part] = s[metric]
		}
	}
	if of.URL == m.cfg.Product.URL {
		cpu, err := descendantsCPU(of.PID)
		g.keep(costServers, cpu.Seconds(), err)
		m.unmeasured("CPU of the servers the product has started", err)
	}
	cpu, err := ownCPU()
	g.keep(costGenerator, cpu.Seconds(), err)
	m.unmeasured("CPU of the load generator", err)
	g.looks = m.looks[of.Ops]
	return g
}

func (g glance) keep(part string, v float64, err error) {
	if err == nil {
		g.used[part] = v
	}
}

// spent is what was used between two glances at a process, without what looking at it has cost.
func (m *meter) spent(of Target, before, after glance) cost {
	c := cost{}
	for part, v := range after.used {
		if was, ok := before.used[part]; ok {
			c[part] = max(0, v-was-float64(after.looks-before.looks)*m.eachLook[of.Ops][part])
		}
	}
	return c
}

func (m *meter) unmeasured(what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		m.note("%s: %v", what, err)
	}
}

// inMetrics are the parts of a cost that a process tells at /metrics, and their names there.
func inMetrics() map[string]string {
	return map[string]string{costCPU: metricCPU, costMallocs: metricMallocs, costBytes: metricAllocBytes}
}
