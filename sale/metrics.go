package sale

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// register adds collectors; nil adds none. Two of a kind in one process share the first one's place.
func register(r prometheus.Registerer, all ...prometheus.Collector) {
	if r == nil {
		return
	}
	for _, c := range all {
		var already prometheus.AlreadyRegisteredError
		if err := r.Register(c); err != nil && !errors.As(err, &already) {
			panic(err) // two metrics of one name that differ: a mistake in the program that no input can cause
		}
	}
}

// checkoutMetrics are what only the checkout knows; app/web counts presses by outcome.
type checkoutMetrics struct {
	unplaced prometheus.Counter
	waiting  prometheus.GaugeFunc
	polls    struct{ remembered, looked, failed prometheus.Counter }
}

func newCheckoutMetrics(r prometheus.Registerer, waiting func() float64) *checkoutMetrics {
	m := &checkoutMetrics{
		unplaced: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_releases_dropped_total", Help: "Places of declined claims that were left to the reconciler.",
		}),
		waiting: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "flashsale_undecided_claims", Help: "Claims this process knows of that have no verdict yet.",
		}, waiting),
	}
	polls := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "flashsale_claim_polls_total", Help: "Questions what became of a claim, by what answered: memory, the ledger, or nothing.",
	}, []string{"answered"})
	m.polls.remembered, m.polls.looked = polls.WithLabelValues("memory"), polls.WithLabelValues("ledger")
	m.polls.failed = polls.WithLabelValues("nothing")
	register(r, m.unplaced, m.waiting, polls)
	return m
}
