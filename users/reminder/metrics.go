package reminder

import "github.com/prometheus/client_golang/prometheus"

// result is what became of a reminder.
type result string

const (
	sent        result = "sent"        // the mail was handed over
	failed      result = "failed"      // the sender does not take such a mail
	unreachable result = "unreachable" // the account has no verified address any more
)

type metrics struct{ reminders *prometheus.CounterVec }

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "flashsale_reminders_total", Help: "Reminders of the start of a sale by what became of them.",
	}, []string{"result"})}
	for _, r := range []result{sent, failed, unreachable} {
		m.reminders.WithLabelValues(string(r))
	}
	if reg != nil {
		reg.MustRegister(m.reminders)
	}
	return m
}

func (m *metrics) count(r result) { m.reminders.WithLabelValues(string(r)).Inc() }
