package replica

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"

	"flashsale/events"
)

type metrics struct{ lists *prometheus.CounterVec }

func newMetrics(reg prometheus.Registerer, r *Replica) metrics {
	m := metrics{events.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "flashsale_list_reads_total",
		Help: "Reads of operators' lists and histories by the server that answered, with the reason when it was the primary and not the replica.",
	}, []string{"source", "reason"}))}
	m.lists.WithLabelValues("replica", "")
	for _, reason := range reasons() {
		m.lists.WithLabelValues("primary", string(reason))
	}
	events.Register(reg, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "flashsale_replica_usable", Help: "1 while lists may be read from the replica.",
	}, func() float64 {
		if _, unused := r.state(); unused != nil {
			return 0
		}
		return 1
	}))
	events.Register(reg, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "flashsale_replica_age_seconds", Help: "How old what the replica shows is at most; not a number while that is unknown.",
	}, func() float64 {
		age, unused := r.state()
		if unused != nil && unused.Reason != Behind {
			return math.NaN()
		}
		return age.Seconds()
	}))
	return m
}

func (m metrics) count(reason Reason) {
	source := "primary"
	if reason == "" {
		source = "replica"
	}
	m.lists.WithLabelValues(source, string(reason)).Inc()
}
