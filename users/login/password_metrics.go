package login

import "github.com/prometheus/client_golang/prometheus"

func (p *Passwords) metrics() []prometheus.Collector {
	counter := func(name, help string, read func(HashingCounts) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(read(p.Counts())) })
	}
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "flashsale_passwords_waiting", Help: "Passwords that wait to be checked or kept.",
		}, func() float64 { return float64(p.Counts().Waiting) }),
		counter("flashsale_password_hashes_total", "Hashes of passwords that were made, to check one or to keep one.",
			func(c HashingCounts) uint64 { return c.Hashes }),
		counter("flashsale_passwords_busy_total", "Passwords that were turned away because too many waited.",
			func(c HashingCounts) uint64 { return c.Busy }),
		counter("flashsale_passwords_left_total", "Passwords that nobody waited for any more when their turn came.",
			func(c HashingCounts) uint64 { return c.Left }),
	}
}
