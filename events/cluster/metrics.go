package cluster

import (
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/events"
)

// busMetrics count the messages between processes, by channel.
type busMetrics struct {
	published, received *prometheus.CounterVec
	dropped             prometheus.Counter
}

func newBusMetrics(r prometheus.Registerer) *busMetrics {
	return &busMetrics{
		published: events.Register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "flashsale_bus_published_total", Help: "Messages to other processes that Redis took.",
		}, []string{"channel"})),
		received: events.Register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "flashsale_bus_received_total", Help: "Messages received from other processes.",
		}, []string{"channel"})),
		dropped: events.Register(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_bus_dropped_total", Help: "Messages to other processes that were dropped because Redis did not take them.",
		})),
	}
}
