//go:build unix

package resilience

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// row is one line of the resilience matrix.
type row struct {
	id, fault string
	short     bool // runs every time, with one instance; the others in the full run
	alone     bool // makes no sense with one instance
	run       func(t *testing.T, r *report)
}

// TestFaults runs the matrix. One row at a time: what is measured is not to be another row's load.
func TestFaults(t *testing.T) {
	if os.Getenv("FLASHSALE_TEST_REAL") != "1" {
		t.Skip("rows of faults need real servers: FLASHSALE_TEST_REAL=1")
	}
	for _, one := range matrix() {
		for _, instances := range []int{1, 3} {
			if !full() && (!one.short || instances > 1) || one.alone && instances == 1 {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d", one.id, instances), func(t *testing.T) {
				r, began := &report{id: one.id, fault: one.fault, instances: instances}, time.Now()
				defer func() {
					r.took, r.verdict = time.Since(began), "kept"
					if t.Failed() {
						r.verdict = "FAILED"
					}
					if !t.Skipped() {
						rows.add(r)
					}
				}()
				one.run(t, r)
			})
		}
	}
}

func matrix() []row {
	return []row{
		{id: "K1", fault: "broker refuses", short: true, run: kafkaRefuses},
		{id: "R1", fault: "Redis refuses, also when sold out", short: true, run: redisRefuses},
		{id: "R4", fault: "redis-server killed, back empty", short: true, run: redisKilled},
		{id: "P1", fault: "Postgres refuses", short: true, run: postgresRefuses},
	}
}

// lasting is how long a fault lasts: as the matrix says in the full run.
func lasting(whole, short time.Duration) time.Duration {
	if full() {
		return whole
	}
	return short
}
