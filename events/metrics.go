package events

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are made whether or not somebody collects them, so that no caller has to ask.
type metrics struct {
	append       prometheus.Histogram
	commit       prometheus.Histogram
	batch        prometheus.Histogram
	verdicts     *prometheus.CounterVec
	lag          *prometheus.GaugeVec
	stopped      *prometheus.GaugeVec
	quarantined  prometheus.Counter
	logChanged   prometheus.Counter
	refreshed    prometheus.Counter
	fenced       prometheus.Counter
	unpublished  prometheus.Gauge
	oldest       prometheus.Gauge
	published    prometheus.Counter
	discarded    prometheus.Counter
	waitingSales prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	seconds := prometheus.ExponentialBuckets(0.0005, 2, 15)
	return &metrics{
		append: Register(r, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "flashsale_claim_append_seconds", Buckets: seconds,
			Help: "Time until the log acknowledged a batch of claims."})),
		commit: Register(r, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "flashsale_ledger_commit_seconds", Buckets: seconds,
			Help: "Time of a ledger transaction from its begin to the commit's reply."})),
		batch: Register(r, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "flashsale_ledger_batch_size", Buckets: prometheus.ExponentialBuckets(1, 2, 11),
			Help: "Claims decided in one ledger transaction."})),
		verdicts: Register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "flashsale_verdicts_total",
			Help: "Verdicts this process gave, by the path the claims came on and by outcome."}, []string{"source", "outcome"})),
		lag: Register(r, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "flashsale_consumer_lag_records",
			Help: "Records of the claims log that the ledger has not passed yet."}, []string{"partition"})),
		stopped: Register(r, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "flashsale_ledger_stopped",
			Help: "1 while a partition is stopped because too many of its records cannot be applied."}, []string{"partition"})),
		quarantined: Register(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_quarantined_total",
			Help: "Claims and records put into quarantine."})),
		logChanged: Register(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_log_changed_total",
			Help: "Times a cursor did not fit its log and reading began anew."})),
		refreshed: Register(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_log_refreshes_total",
			Help: "Times the connections to the log were dropped to learn its layout anew."})),
		fenced: Register(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_ledger_fenced_total",
			Help: "Batches of claims that the cursor refused because another process had moved it."})),
		unpublished: Register(r, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "flashsale_outbox_unpublished",
			Help: "Events waiting to be published."})),
		oldest: Register(r, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "flashsale_outbox_oldest_seconds",
			Help: "Age of the oldest event waiting to be published."})),
		published: Register(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_outbox_published_total",
			Help: "Events published by this process."})),
		discarded: Register(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_outbox_quarantined_total",
			Help: "Events of the outbox put into quarantine instead of being published."})),
		waitingSales: Register(r, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "flashsale_outbox_waiting_sales",
			Help: "Sales whose events wait because one of them can neither be published nor put into quarantine."})),
	}
}

// count adds the verdicts that were made now.
func (m *metrics) count(src Source, verdicts []Verdict) {
	made := make(map[Outcome]int, 2)
	for i := range verdicts {
		if verdicts[i].Fresh {
			made[verdicts[i].Outcome]++
		}
	}
	for outcome, n := range made {
		m.verdicts.WithLabelValues(src.String(), string(outcome)).Add(float64(n))
	}
}
