package instance

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"flashsale/app/config"
)

// BenchmarkPressTraced is BenchmarkPress with traces: one press of a hundred is sampled, and a collector takes the spans.
func BenchmarkPressTraced(b *testing.B) {
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	b.Cleanup(collector.Close)
	benchPress(b, func(cfg *config.Config) {
		cfg.Traces = &config.Traces{Endpoint: collector.URL + "/v1/traces", Sampler: "parentbased_traceidratio", Ratio: 0.01, Service: "flashsale"}
	})
}
