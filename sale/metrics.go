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
	unread   prometheus.Counter
	waiting  prometheus.GaugeFunc
	// Claims that were waited for here, by how their verdict came.
	decided, told, lookedUp prometheus.Counter
	polls                   struct{ remembered, looked, failed prometheus.Counter }
}

func newCheckoutMetrics(r prometheus.Registerer, waiting func() float64) *checkoutMetrics {
	woken := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "flashsale_claims_woken_total",
		Help: "Claims that were waited for, by how their verdict came: decided here, told by another process, looked up.",
	}, []string{"by"})
	m := &checkoutMetrics{
		unplaced: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_releases_dropped_total", Help: "Places of declined claims that were left to the reconciler.",
		}),
		unread: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_bus_unread_total", Help: "Messages of other processes that could not be read or believed.",
		}),
		waiting: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "flashsale_undecided_claims", Help: "Claims this process knows of that have no verdict yet.",
		}, waiting),
		decided: woken.WithLabelValues("decided"), told: woken.WithLabelValues("told"), lookedUp: woken.WithLabelValues("looked-up"),
	}
	polls := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "flashsale_claim_polls_total", Help: "Questions what became of a claim, by what answered: memory, the ledger, or nothing.",
	}, []string{"answered"})
	m.polls.remembered, m.polls.looked = polls.WithLabelValues("memory"), polls.WithLabelValues("ledger")
	m.polls.failed = polls.WithLabelValues("nothing")
	register(r, m.unplaced, m.unread, m.waiting, woken, polls)
	return m
}
