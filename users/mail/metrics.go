package mail

import "github.com/prometheus/client_golang/prometheus"

// result is what became of a mail.
type result string

const (
	sent    result = "sent"    // the server has taken it
	kept    result = "kept"    // there is no server, only the mailbox of developers
	refused result = "refused" // the server will not take it
	late    result = "late"    // the server did not take it before it was of no use
	full    result = "full"    // too many others waited
)

type metrics struct {
	mails   *prometheus.CounterVec
	waiting prometheus.GaugeFunc
}

func newMetrics(q *queue) *metrics {
	m := &metrics{
		mails: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "flashsale_mails_total", Help: "Mails by what became of them.",
		}, []string{"result"}),
		waiting: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "flashsale_mails_waiting", Help: "Mails that are not delivered yet.",
		}, func() float64 { return float64(q.waiting()) }),
	}
	for _, r := range []result{sent, kept, refused, late, full} {
		m.mails.WithLabelValues(string(r))
	}
	return m
}

func (m *metrics) count(r result) { m.mails.WithLabelValues(string(r)).Inc() }

// Collectors are the metrics of the Sender, for whoever registers them.
func (s *Sender) Collectors() []prometheus.Collector {
	return []prometheus.Collector{s.metrics.mails, s.metrics.waiting}
}
