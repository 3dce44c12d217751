package outbox

import (
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/events"
)

// metrics exist whether or not they are registered, so that no caller has to check.
type metrics struct {
	unpublished  prometheus.Gauge
	oldest       prometheus.Gauge
	published    prometheus.Counter
	discarded    prometheus.Counter
	waitingSales prometheus.Gauge
}

func newOutboxMetrics(r prometheus.Registerer) *metrics {
	return &metrics{
		unpublished: events.Register(r, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "flashsale_outbox_unpublished",
			Help: "Events waiting to be published."})),
		oldest: events.Register(r, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "flashsale_outbox_oldest_seconds",
			Help: "Age of the oldest event waiting to be published."})),
		published: events.Register(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_outbox_published_total",
			Help: "Events published by this process."})),
		discarded: events.Register(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_outbox_quarantined_total",
			Help: "Events of the outbox put into quarantine instead of being published."})),
		waitingSales: events.Register(r, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "flashsale_outbox_waiting_sales",
			Help: "Sales whose events wait because one of them can neither be published nor put into quarantine."})),
	}
}
