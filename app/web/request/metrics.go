package request

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// instruments are the metrics of answered requests. Labels are the table's routes and fixed words, never a client's text.
type instruments struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newInstruments(reg prometheus.Registerer) *instruments {
	f := promauto.With(reg)
	return &instruments{
		requests: f.NewCounterVec(prometheus.CounterOpts{
			Name: "flashsale_http_requests_total", Help: "Answered requests.",
		}, []string{"route", "method", "code"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "flashsale_http_request_seconds", Help: "Time from the request's header to the end of its answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route"}),
	}
}

// routeMeter counts one route's answers. It keeps the counters it has used, because finding a counter by its labels costs
// more than counting.
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
	c := &counted{method: method, code: code, Counter: m.vec.WithLabelValues(m.path, method, strconv.Itoa(code))}
	place.Store(c)
	return c.Counter
}

// methodLabel is the method for labels and logs; "other" for a method that the client made up.
func methodLabel(method string) string {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return method
	}
	return "other"
}
