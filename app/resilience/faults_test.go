//go:build unix

package resilience

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// faultCase is one line of the resilience matrix.
type faultCase struct {
	id, fault string
	short     bool // runs every time, with one instance; the others in the full run
	alone     bool // needs more than one instance
	run       func(t *testing.T, r *report)
}

// TestFaults runs the matrix, one row at a time, so that one row's load does not change another row's figures.
func TestFaults(t *testing.T) {
	if os.Getenv("FLASHSALE_TEST_REAL") != "1" {
		t.Skip("rows of faults need real servers: FLASHSALE_TEST_REAL=1")
	}
	for _, one := range faultCases() {
		for _, instances := range []int{1, 3} {
			if !full() && (!one.short || instances > 1) || one.alone && instances == 1 {
				continue
			}
			recorded(t, fmt.Sprintf("%s/%d", one.id, instances), &report{id: one.id, fault: one.fault, instances: instances}, one.run)
		}
	}
}

func faultCases() []faultCase {
	return []faultCase{
		{id: "K1", fault: "broker refuses", short: true, run: kafkaRefuses},
		{id: "R1", fault: "Redis refuses, also when sold out", short: true, run: redisRefuses},
		{id: "R4", fault: "redis-server killed, back empty", short: true, run: redisKilled},
		{id: "P1", fault: "Postgres refuses", short: true, run: postgresRefuses},
		{id: "R2", fault: "Redis late by 250 ms, by 2 s, a black hole", run: redisSlow},
		{id: "K3", fault: "the broker stalls, nobody consumes", run: kafkaStalls},
		{id: "P3", fault: "Postgres stopped at once and restarted", run: postgresKilled},
		{id: "R5", fault: "Redis restored from an older dump", run: redisRestored},
		{id: "K6", fault: "a record that is not a claim", run: recordSpoilt},
		{id: "R7", fault: "maxmemory, a key of the wrong type, FLUSHALL", run: redisMisused},
		{id: "R3", fault: "Redis' replies lost after the script ran", run: redisRepliesLost},
		{id: "P2", fault: "replies to COMMIT lost", run: commitsDoubted},
		{id: "K2", fault: "append succeeds, the producer gets an error", run: appendsDoubted},
		{id: "K5", fault: "killed between Postgres' commit and the offset's", run: killedBeforeOffsets},
		{id: "A2", fault: "an instance stopped for 30 s, then continued", alone: true, run: stoppedAndContinued},
		{id: "A3", fault: "SIGTERM under load", run: stoppedInOrder},
		{id: "D1", fault: "reset under load", run: resetUnderLoad},
		{id: "D2", fault: "stock below sold; raised after sold out", run: stockChanged},
		{id: "R6", fault: "lagging replica promoted, half the instances on the old primary", alone: true, run: replicaPromoted},
		{id: "A4", fault: "five instances reconcile at once", alone: true, run: reconciledAtOnce},
		{id: "K4", fault: "leaders shuffled, a broker killed, the group rebalanced every second", run: leadersShuffled},
		{id: "R8", fault: "cluster of three, two sales, one node killed", run: nodeKilled},
		{id: "P4a", fault: "standby without the tail promoted, claims by the log", run: standbyPromoted},
		{id: "P4c", fault: "the same under presses, without the direct path", run: standbyPromotedUnderPresses},
		{id: "P4b", fault: "synchronous standby lost while committing", run: standbyLost},
		{id: "C1", fault: "one instance's clock an hour off, either way", run: clockWrong},
		{id: "B1", fault: "the channel between processes cut, late by 300 ms, garbage", alone: true, run: busSpoilt},
		{id: "W1", fault: "live streams to their share and beyond", run: streamsTaken},
		{id: "K7", fault: "topic replaced by a new log", run: logReplaced},
	}
}

// lasting is how long a fault lasts: as the matrix says in the full run.
func lasting(whole, short time.Duration) time.Duration {
	if full() {
		return whole
	}
	return short
}
