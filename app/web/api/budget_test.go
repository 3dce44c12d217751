//go:build !race

// The race detector makes pools forget on purpose, so allocations are only counted without it.

package api

import "testing"

// The ordinary body of a purchase request is read without allocating.
func TestTheScannerAllocatesNothing(t *testing.T) {
	body := []byte(`{"username":"john_doe_1"}`)
	if n := testing.AllocsPerRun(1000, func() {
		if _, ok := scanName(body); !ok {
			t.Error("not scanned")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
