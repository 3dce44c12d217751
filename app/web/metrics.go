package web

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"flashsale/app/live"
	"flashsale/events"
)

// instruments are this package's metrics. Labels are the table's routes and fixed words, never a client's text.
type instruments struct {
	requests  *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	purchases *prometheus.CounterVec
	// refused are those of purchases for the problems that the reasons of a refusal come to.
	refused map[*kind]prometheus.Counter
	soldOut prometheus.Counter
}

func newInstruments(reg prometheus.Registerer, hub *live.Hub) *instruments {
	f := promauto.With(reg)
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "flashsale_live_streams", Help: "Open streams of live updates.",
	}, func() float64 { return float64(hub.Count()) })
	m := &instruments{
		requests: f.NewCounterVec(prometheus.CounterOpts{
			Name: "flashsale_http_requests_total", Help: "Answered requests.",
		}, []string{"route", "method", "code"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "flashsale_http_request_seconds", Help: "Time from the request's header to the end of its answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route"}),
		purchases: f.NewCounterVec(prometheus.CounterOpts{
			Name: "flashsale_purchases_total", Help: "Answered presses of the buy button by what came of them.",
		}, []string{"outcome"}),
		soldOut: f.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_sold_out_answers_total", Help: "Presses answered with sold out.",
		}),
	}
	m.refused = map[*kind]prometheus.Counter{}
	for _, reason := range events.Reasons() {
		k := refusal(reason)
		m.refused[k] = m.purchases.WithLabelValues(k.name)
	}
	return m
}

// refuse counts a press that came to a problem.
func (m *instruments) refuse(k *kind) {
	if c, ok := m.refused[k]; ok {
		c.Inc()
		return
	}
	m.purchases.WithLabelValues(k.name).Inc()
}

// routeMeter counts one route's answers. It keeps the counters it has met, because finding one by its labels
// costs more than counting.
type routeMeter struct {
	path    string
	vec     *prometheus.CounterVec
	seconds prometheus.Observer
	known   [knownMeters]atomic.Pointer[counted]
}

type counted struct {
	method string
	code   int
	prometheus.Counter
}

const knownMeters = 32

func (m *instruments) route(path string) *routeMeter {
	return &routeMeter{path: path, vec: m.requests, seconds: m.seconds.WithLabelValues(path)}
}

func (m *routeMeter) observe(method string, code int, took time.Duration) {
	m.counter(methodLabel(method), code).Inc()
	m.seconds.Observe(took.Seconds())
}

func (m *routeMeter) counter(method string, code int) prometheus.Counter {
	place := &m.known[code%knownMeters]
	if c := place.Load(); c != nil && c.code == code && c.method == method {
		return c.Counter
	}
	c := &counted{method: method, code: code, Counter: m.vec.WithLabelValues(m.path, method, itoa(code))}
	place.Store(c)
	return c.Counter
}

// methodLabel keeps methods that clients make up out of labels and logs.
func methodLabel(method string) string {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return method
	}
	return "other"
}
