package api

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"flashsale/app/live"
	"flashsale/app/web/request"
	"flashsale/events"
)

// instruments are the metrics of purchases and streams. Labels are fixed words, never a client's text.
type instruments struct {
	purchases *prometheus.CounterVec
	// refused are the counters of purchases for the problems that reasons of a refusal are answered with.
	refused map[*request.Kind]prometheus.Counter
	soldOut prometheus.Counter
	// refusedStreams counts by the share that was full.
	refusedStreams *prometheus.CounterVec
}

func newInstruments(reg prometheus.Registerer, hub *live.Hub) *instruments {
	f := promauto.With(reg)
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "flashsale_live_streams", Help: "Open streams of live updates.",
	}, func() float64 { return float64(hub.Count()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "flashsale_live_streams_limit", Help: "How many streams of live updates may be open: their share of the connections.",
	}, func() float64 { return float64(hub.Limit()) })
	m := &instruments{
		purchases: f.NewCounterVec(prometheus.CounterOpts{
			Name: "flashsale_purchases_total", Help: "Answered purchase requests by outcome.",
		}, []string{"outcome"}),
		soldOut: f.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_sold_out_answers_total", Help: "Purchase requests answered with sold out.",
		}),
		refusedStreams: f.NewCounterVec(prometheus.CounterOpts{
			Name: "flashsale_live_streams_refused_total", Help: "Streams of live updates that were refused, by the share that was full: that of all or of one network.",
		}, []string{"share"}),
		refused: map[*request.Kind]prometheus.Counter{},
	}
	for _, share := range []string{shareOfAll, shareOfOne} {
		m.refusedStreams.WithLabelValues(share)
	}
	for _, reason := range events.Reasons() {
		k := request.ReasonKind(reason)
		m.refused[k] = m.purchases.WithLabelValues(k.Name)
	}
	return m
}

// refuse counts a purchase request that was answered with a problem.
func (m *instruments) refuse(k *request.Kind) {
	if c, ok := m.refused[k]; ok {
		c.Inc()
		return
	}
	m.purchases.WithLabelValues(k.Name).Inc()
}
