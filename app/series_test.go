package app

import (
	"testing"

	"flashsale/app/stress"
	"flashsale/users"
)

// Stress and bench know the product by HTTP only, and so have the names of the series for themselves.
func TestStressPressesForShoppersOfTheSeries(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 10_000; n++ {
		name, length := string(stress.AppendShopper(nil, n)), stress.SeriesLength(n)
		if name != users.AbleName(n) || length != users.AbleLength(n) {
			t.Fatalf("shopper %d is %s at %d, want %s at %d", n, name, length, users.AbleName(n), users.AbleLength(n))
		}
	}
	if n := stress.SeriesLength(stress.MaxUsers); n > 1_000_000 {
		t.Errorf("the most shoppers take a seeding of %d", n)
	}
}
