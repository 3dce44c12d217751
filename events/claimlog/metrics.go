package claimlog

import (
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/events"
)

// metrics exist whether or not they are registered, so that no caller has to check.
type metrics struct {
	append    prometheus.Histogram
	refreshed prometheus.Counter
	handed    prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	seconds := prometheus.ExponentialBuckets(0.0005, 2, 15)
	return &metrics{
		append: events.Register(r, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "flashsale_claim_append_seconds", Buckets: seconds,
			Help: "Time until the log acknowledged a batch of claims."})),
		refreshed: events.Register(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_log_refreshes_total",
			Help: "Times the connections to the log were dropped to learn its layout anew."})),
		handed: events.Register(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_claims_handed_over_total",
			Help: "Claims that this process wrote to the log and brought to the ledger without fetching them."})),
	}
}
