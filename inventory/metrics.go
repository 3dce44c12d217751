package inventory

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	batch      prometheus.Histogram
	degraded   prometheus.Gauge
	wrongTypes prometheus.Counter
	outdated   prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	degraded := register(r, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "flashsale_degraded", Help: "1 while a part works without something it depends on.",
	}, []string{"part"}))
	return &metrics{
		degraded: degraded.WithLabelValues("redis"),
		batch: register(r, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "flashsale_reserve_batch_size", Help: "Shoppers in one call for places.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		})),
		wrongTypes: register(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_redis_wrong_type_total", Help: "Keys found with a value that is not ours.",
		})),
		outdated: register(r, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "flashsale_places_outdated_total", Help: "Loads of places that were refused because the stock had a newer version.",
		})),
	}
}

type reconcilerMetrics struct {
	holders, owners *prometheus.GaugeVec
	changes         *prometheus.CounterVec
}

func newReconcilerMetrics(r prometheus.Registerer) reconcilerMetrics {
	return reconcilerMetrics{
		holders: register(r, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "flashsale_holders", Help: "Shoppers who have a place in Redis.",
		}, []string{"sale"})),
		owners: register(r, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "flashsale_owners", Help: "Units that have an owner by the ledger.",
		}, []string{"sale"})),
		changes: register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "flashsale_reconciled_total",
			Help: "Corrections to the places in Redis: sets loaded, holders added and removed, foreign fields removed, limits set, alarms.",
		}, []string{"change"})),
	}
}

// register returns the collector to use: the one given, or the one that has its name already (the degraded gauge is
// shared by several packages). It panics only for a name that means something else, which is a mistake in the code.
func register[C prometheus.Collector](r prometheus.Registerer, collector C) C {
	if r == nil {
		return collector
	}
	err := r.Register(collector)
	if err == nil {
		return collector
	}
	var taken prometheus.AlreadyRegisteredError
	if errors.As(err, &taken) {
		if existing, ok := taken.ExistingCollector.(C); ok {
			return existing
		}
	}
	panic(err)
}
