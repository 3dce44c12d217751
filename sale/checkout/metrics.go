package checkout

import (
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/events"
)

// checkoutMetrics are what only the checkout knows; app/web counts purchase requests by outcome.
type checkoutMetrics struct {
	unplaced prometheus.Counter
	unread   prometheus.Counter
	// Claims that were waited for here, by how their verdict came.
	decided, told, lookedUp prometheus.Counter
	polls                   struct{ remembered, looked, failed prometheus.Counter }
	stages                  stageTimes
}

// newCheckoutMetrics makes the metrics. waiting tells how many claims wait for their verdicts, oldest for how many seconds one has.
func newCheckoutMetrics(r prometheus.Registerer, waiting, oldest func() float64) *checkoutMetrics {
	woken := events.Register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "flashsale_claims_woken_total",
		Help: "Claims that were waited for, by how their verdict came: decided here, told by another process, looked up.",
	}, []string{"by"}))
	polls := events.Register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "flashsale_claim_polls_total", Help: "Questions what became of a claim, by what answered: memory, the ledger, or nothing.",
	}, []string{"answered"}))
	events.Register(r, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "flashsale_undecided_claims", Help: "Claims this process knows of that have no verdict yet.",
	}, waiting))
	events.Register(r, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "flashsale_undecided_claims_oldest_seconds", Help: "For how long the oldest claim that this process knows of has had no verdict.",
	}, oldest))
	m := &checkoutMetrics{
		unplaced: events.Register(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_releases_dropped_total", Help: "Places of declined claims that were left to the reconciler.",
		})),
		unread: events.Register(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_bus_unread_total", Help: "Messages of other processes that could not be read or believed.",
		})),
		stages:  newStageTimes(r),
		decided: woken.WithLabelValues("decided"), told: woken.WithLabelValues("told"), lookedUp: woken.WithLabelValues("looked-up"),
	}
	m.polls.remembered, m.polls.looked = polls.WithLabelValues("memory"), polls.WithLabelValues("ledger")
	m.polls.failed = polls.WithLabelValues("nothing")
	return m
}
