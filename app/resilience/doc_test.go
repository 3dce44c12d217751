//go:build unix

// Package resilience has only tests. They start the product as separate processes, inject faults from outside, and check with
// shoppers who remember every answer that no promise is broken.
//
// The rows of faults need real servers and run when FLASHSALE_TEST_REAL=1 says so: redis-server, PostgreSQL and Apache
// Kafka, from REDIS_URL, DATABASE_URL, KAFKA_BROKERS and KAFKA_LIBS (the directory of Kafka's jars), or started here.
// FLASHSALE_RESILIENCE=full runs every row with one instance and with three; otherwise one row for each server runs,
// with one instance. The table of figures is printed at the end. RESILIENCE_RESULTS names a directory in which every
// row leaves a record and the table is table.md; a row that has passed on the same commit is not run again, so that the whole
// matrix can be done in pieces, and a mix can be run by its number:
//
//	FLASHSALE_TEST_REAL=1 KAFKA_LIBS=DIR FLASHSALE_RESILIENCE=full RESILIENCE_RESULTS=/tmp/results \
//		go test -count=1 -timeout 2h -run 'TestFaults|TestMixes' ./app/resilience
//
// The thousand kills at named points, which may be interrupted and go on where they were, and the stopped processes:
//
//	FLASHSALE_TEST_REAL=1 KAFKA_LIBS=DIR FLASHSALE_RESILIENCE=full RESILIENCE_RESULTS=/tmp/results \
//		go test -count=1 -timeout 3h -run 'TestKilledAtEveryPoint|TestStoppedProcesses' ./app/resilience
//
// An hour of a thousand shoppers with rolling restarts, which needs the same servers:
//
//	FLASHSALE_TEST_REAL=1 KAFKA_LIBS=DIR FLASHSALE_SOAK=1h go test -count=1 -timeout 2h -run TestSoak ./app/resilience
//
// TestTwoVersions runs the version before beside this one, TestRollingUpgrade replaces it by this one; `.ci/run versions` builds it
// and names it in FLASHSALE_PREVIOUS:
//
//	FLASHSALE_TEST_REAL=1 FLASHSALE_PREVIOUS=PROGRAM VERSIONS_TIME=1m go test -count=1 -run 'TestTwoVersions|TestRollingUpgrade' ./app/resilience
//
// TestBadClients runs in any case; FLASHSALE_RESILIENCE=full makes it 10,000 idle connections and 1,000 of each slow kind
// (two minutes, 16,000 descriptors for the product and as many for the test).
package resilience

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	code := m.Run()
	past, err := results()
	if err := errors.Join(err, past.publish(present()), shared.close()); err != nil {
		fmt.Fprintln(os.Stderr, "end of the run:", err)
		code = max(code, 1)
	}
	// A failed test may have left something running; its own message matters more.
	if code == 0 {
		// toxiproxy loses a connection that ends at the moment at which a fault begins.
		forgotten := goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run")
		if err := goleak.Find(forgotten); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
