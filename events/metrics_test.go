package events

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestMetricsAreRegisteredUnderTheirNames(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	m := newMetrics(registry)
	m.lag.WithLabelValues("3").Set(7)
	m.quarantined.Inc()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bool)
	for _, f := range families {
		found[f.GetName()] = true
	}
	for _, name := range []string{"flashsale_claim_append_seconds", "flashsale_ledger_commit_seconds", "flashsale_ledger_batch_size",
		"flashsale_consumer_lag_records", "flashsale_outbox_oldest_seconds", "flashsale_outbox_unpublished", "flashsale_quarantined_total",
		"flashsale_outbox_quarantined_total", "flashsale_outbox_waiting_sales"} {
		if !found[name] {
			t.Errorf("%s is not there", name)
		}
	}
}

func TestMetricsOfTwoLogsShareARegistry(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	first, second := newMetrics(registry), newMetrics(registry)
	if first.quarantined != second.quarantined {
		t.Error("the second log counts where nobody looks")
	}
	if newMetrics(nil).quarantined == nil {
		t.Error("without a registry there is nothing to count with")
	}
}
