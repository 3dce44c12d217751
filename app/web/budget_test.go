//go:build !race

// The race detector makes pools forget on purpose, so allocations are only counted without it.

package web

import "testing"

// TestHotRoutesStayWithinTheirBudgets bounds what the routes that carry a sale's traffic allocate, header, metrics and log
// included. It bounds no times, because those depend on the machine.
func TestHotRoutesStayWithinTheirBudgets(t *testing.T) {
	for name, want := range map[string]struct {
		allocs, bytes int64
		route         func(*testing.B)
	}{
		"sold out":            {2, 112, BenchmarkSoldOut},
		"sold out, signed in": {2, 112, BenchmarkSoldOutSignedIn},
		"status":              {1, 96, BenchmarkStatus},
	} {
		r := testing.Benchmark(want.route)
		if r.N == 0 {
			t.Fatalf("%s could not be measured", name)
		}
		t.Logf("%s: %d allocs, %d bytes per request (budget %d, %d)", name, r.AllocsPerOp(), r.AllocedBytesPerOp(), want.allocs, want.bytes)
		if r.AllocsPerOp() > want.allocs || r.AllocedBytesPerOp() > want.bytes {
			t.Errorf("%s: %d allocs and %d bytes per request, the budget is %d and %d", name, r.AllocsPerOp(), r.AllocedBytesPerOp(), want.allocs, want.bytes)
		}
	}
}
