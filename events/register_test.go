package events

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestTheSameMetricCanBeRegisteredTwice(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	made := func(help string) prometheus.Counter {
		return Register(registry, prometheus.NewCounter(prometheus.CounterOpts{Name: "n_total", Help: help}))
	}
	if first, second := made("h"), made("h"); first != second {
		t.Error("the second one counts in a collector that is not registered")
	}
	if Register(nil, prometheus.NewCounter(prometheus.CounterOpts{Name: "n_total", Help: "h"})) == nil {
		t.Error("without a registry there is nothing to count with")
	}
	defer func() {
		if recover() == nil {
			t.Error("two metrics of one name that differ are accepted")
		}
	}()
	made("something else")
}
