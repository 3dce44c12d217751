//go:build !race

// The race detector makes pools forget on purpose, so allocations are only counted without it.

package instance

import (
	"context"
	"flag"
	"net/http"
	"testing"
	"time"

	"flashsale/app/combine"
	"flashsale/sale"
)

// budget is what one operation may allocate. It has no times, because those depend on the machine.
type budget struct {
	allocs, bytes int64
	stage         func(b *testing.B)
}

// spend measures a stage and fails when it allocates more than its budget. Parts of the product work in the
// background meanwhile, so of three measurements the smallest counts.
func spend(t *testing.T, name string, want budget) {
	t.Helper()
	if err := flag.Set("test.benchtime", "200ms"); err != nil { // enough operations to count what each allocates
		t.Fatal(err)
	}
	allocs, bytes := int64(1<<62), int64(1<<62)
	for range 3 {
		r := testing.Benchmark(want.stage)
		if r.N == 0 {
			t.Fatalf("%s could not be measured", name)
		}
		allocs, bytes = min(allocs, r.AllocsPerOp()), min(bytes, r.AllocedBytesPerOp())
	}
	t.Logf("%s: %d allocs, %d bytes per operation (budget %d, %d)", name, allocs, bytes, want.allocs, want.bytes)
	if allocs > want.allocs || bytes > want.bytes {
		t.Errorf("%s: %d allocs and %d bytes per operation, the budget is %d and %d", name, allocs, bytes, want.allocs, want.bytes)
	}
}

// TestStagesStayWithinTheirBudgets measures the stages that nearly all of the traffic passes, in an instance whose
// sale is sold out, with everything else of it running.
func TestStagesStayWithinTheirBudgets(t *testing.T) {
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	for _, name := range []string{"john_doe_1", "jane_smith_1", "alice_brown_1", "diana_miller_1", "edward_garcia_1"} {
		if r := c.Call(http.MethodPost, "/api/users/seed", map[string]int{"userCount": 20}); r.Status != http.StatusOK {
			t.Fatal(r.Raw)
		}
		if r := c.Buy(name); r.Status != http.StatusCreated {
			t.Fatal(r.Raw)
		}
	}
	press := sale.PurchaseRequest{Name: "john_doe_2"}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		answer := a.wiring.checkout.Buy(t.Context(), press)
		if answer.Reason == sale.ReasonSoldOut {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("never sold out: %+v", answer)
		}
	}
	for name, want := range map[string]budget{
		"sold out, from memory":   {0, 64, func(b *testing.B) { benchmarkBuy(b, a, press) }},
		"receipt, from memory":    {0, 64, func(b *testing.B) { benchmarkBuy(b, a, sale.PurchaseRequest{Name: "john_doe_1"}) }},
		"snapshot of the catalog": {0, 64, func(b *testing.B) { benchmarkSnapshot(b, a) }},
		"a combined call":         {9, 512, benchmarkCombined},
	} {
		spend(t, name, want)
	}
}

func benchmarkBuy(b *testing.B, a *Instance, p sale.PurchaseRequest) {
	b.ReportAllocs()
	for b.Loop() {
		if answer := a.wiring.checkout.Buy(context.Background(), p); answer.Kind != sale.Refused && answer.Kind != sale.AlreadyBought {
			b.Fatalf("%+v", answer)
		}
	}
}

func benchmarkSnapshot(b *testing.B, a *Instance) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.wiring.catalog.Snapshot(""); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkCombined(b *testing.B) {
	c := combine.New(func(_ context.Context, batch []int) ([]int, error) { return batch, nil },
		combine.Options{MaxBatch: 256, InFlight: 2, Queue: 1000, Timeout: time.Second})
	defer c.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Do(context.Background(), 1); err != nil {
			b.Fatal(err)
		}
	}
}
