package consumer

import (
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/events"
)

// metrics exist whether or not they are registered, so that no caller has to check.
type metrics struct {
	commit      prometheus.Histogram
	batch       prometheus.Histogram
	verdicts    *prometheus.CounterVec
	lag         *prometheus.GaugeVec
	stopped     *prometheus.GaugeVec
	quarantined prometheus.Counter
	foreign     *prometheus.CounterVec
	logChanged  prometheus.Counter
	fenced      prometheus.Counter
}

func newLedgerMetrics(r prometheus.Registerer) *metrics {
	seconds := prometheus.ExponentialBuckets(0.0005, 2, 15)
	return &metrics{
		commit: events.Register(r, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "flashsale_ledger_commit_seconds", Buckets: seconds,
			Help: "Time of a ledger transaction from its begin to the commit's reply."})),
		batch: events.Register(r, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "flashsale_ledger_batch_size", Buckets: prometheus.ExponentialBuckets(1, 2, 11),
			Help: "Claims decided in one ledger transaction."})),
		verdicts: events.Register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "flashsale_verdicts_total",
			Help: "Verdicts this process gave, by the path the claims came on and by outcome."}, []string{"source", "outcome"})),
		lag: events.Register(r, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "flashsale_consumer_lag_records",
			Help: "Records of the claims log that the ledger has not passed yet."}, []string{"partition"})),
		stopped: events.Register(r, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "flashsale_ledger_stopped",
			Help: "1 while a partition is stopped because too many of its records cannot be applied."}, []string{"partition"})),
		quarantined: events.Register(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_quarantined_total",
			Help: "Claims that cannot be applied, put into quarantine."})),
		foreign: events.Register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "flashsale_foreign_records_total",
			Help: "Records of the claims log, and direct claims, that are none of this ledger's and were passed over."}, []string{"reason"})),
		logChanged: events.Register(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_log_changed_total",
			Help: "Times a cursor did not fit its log and reading began anew."})),
		fenced: events.Register(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_ledger_fenced_total",
			Help: "Batches of claims that the cursor refused because another process had moved it."})),
	}
}

// count adds the verdicts that were made now.
func (m *metrics) count(src events.Source, verdicts []events.Verdict) {
	made := make(map[events.Outcome]int, 2)
	for i := range verdicts {
		if verdicts[i].Fresh {
			made[verdicts[i].Outcome]++
		}
	}
	for outcome, n := range made {
		m.verdicts.WithLabelValues(src.String(), string(outcome)).Add(float64(n))
	}
}
