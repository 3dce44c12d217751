//go:build unix

package resilience

import (
	"context"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestStoppedProcessesAreRefused stops processes between reading and writing, lets the others go on, and then lets the stopped
// ones write: a consumer its claims, which the cursor refuses, and a reconciler the places as they were, which their version
// refuses. An operator's process that stops in its transaction blocks the others for a short time only.
func TestStoppedProcessesAreRefused(t *testing.T) {
	if os.Getenv("FLASHSALE_TEST_REAL") != "1" {
		t.Skip("stopped processes need real servers: FLASHSALE_TEST_REAL=1")
	}
	r := &report{id: "A2z", fault: "processes stopped between reading and writing, then continued", instances: killTestInstances}
	recorded(t, "A2z/3", r, stoppedProcessesRefused)
}

func stoppedProcessesRefused(t *testing.T, r *report) {
	a := newKillTest(t)
	a.calm()
	consumer := a.stopAt(point{name: "claimsFetched"}, 0, 1, 2)
	readTo := a.logEnd() // the claims it has read are before this offset
	reconciler := a.stopAt(point{name: "ownersRead", provoke: losePlaces}, others(consumer)...)
	living := others(consumer, reconciler)[0]
	r.hits = 2
	stopped, before := time.Now(), a.shoppers.answered.Load()
	total := a.total() + 7
	// A stopped process may be deciding a claim directly too: then it has the stock row until its transaction is ended for it.
	a.eventually(patience, "an operator raises the stock", func() bool {
		a.act(context.Background(), living, "/api/flash-sale/update-stock", fmt.Sprintf(`{"stockAmount":%d}`, total))
		return a.total() == total
	})
	a.pressing.aim(a.instances[living].url)
	a.eventually(patience, "another one reads on, past the claims that the stopped consumer has read", func() bool {
		a.pressing.press(a.pressing.name())
		return a.consumed() > readTo
	})
	a.eventually(patience, "another one loads the places as they are now", func() bool { return a.limit() == total })
	// A load of places for a purchase request has 30 s; a process that continues later than that sends nothing.
	time.Sleep(lasting(20*time.Second, 8*time.Second) - time.Since(stopped))
	r.note("reconciler stopped for %v", time.Since(stopped).Round(time.Second))
	a.continued(reconciler)
	a.eventually(patience, "their version refuses the places of the reconciler", func() bool {
		return a.metric(a.instances[reconciler], "flashsale_places_outdated_total") > 0
	})
	time.Sleep(lasting(30*time.Second, 8*time.Second) - time.Since(stopped))
	r.pressed = a.shoppers.answered.Load() - before
	r.note("consumer stopped for %v", time.Since(stopped).Round(time.Second))
	a.continued(consumer)
	a.pressing.aim(a.everywhereURLs()...)
	a.eventually(patience, "the cursor refuses the claims of the consumer", func() bool {
		return a.metric(a.instances[consumer], "flashsale_ledger_fenced_total") > 0
	})
	if limit := a.limit(); limit != total {
		t.Errorf("the limit is %d and was %d before the reconciler continued", limit, total)
	}
	r.note("%g batches refused by the cursor, %g sets of places by their version",
		a.metric(a.instances[consumer], "flashsale_ledger_fenced_total"), a.metric(a.instances[reconciler], "flashsale_places_outdated_total"))
	a.audit()
	a.stoppedOperator(r)
	a.audit()
	a.finish()
	r.statuses = a.report.statuses
}

// stoppedOperator stops an instance in the middle of an operator's transaction, which has locked the sale's stock row: the
// others sell again before it continues.
func (a *killTest) stoppedOperator(r *report) {
	a.t.Helper()
	operator := a.stopAt(point{name: "changeWritten", provoke: raiseStockThere}, 0)
	stopped, bought := time.Now(), a.shoppers.tally()["201"]
	a.pressing.aim(a.instances[others(operator)[0]].url)
	a.eventually(patience, "the others sell while the operator's process is stopped", func() bool {
		a.pressing.press(a.pressing.name())
		return a.shoppers.tally()["201"] > bought+3
	})
	r.note("an operator's process stopped in its transaction: sold again after %v", time.Since(stopped).Round(100*time.Millisecond))
	a.continued(operator)
	a.pressing.aim(a.everywhereURLs()...)
}

// stopAt stops one of the instances while it is at a point, and returns which.
func (a *killTest) stopAt(p point, candidates ...int) int {
	a.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for range 5 {
		for _, i := range candidates {
			if err := a.switches[i].set(ctx, p.name, stopAfter(0)); err != nil {
				a.t.Fatal(err)
			}
		}
		d := &drawnKill{Instance: candidates[0], Point: p.name}
		seen := a.await(ctx, p, d, candidates)
		process := a.instances[d.Instance].cmd.Process
		if err := process.Signal(syscall.SIGSTOP); err != nil {
			a.t.Fatal(err)
		}
		a.t.Cleanup(func() { _ = process.Signal(syscall.SIGCONT) })
		for _, i := range candidates {
			if i != d.Instance {
				_ = a.switches[i].set(ctx, p.name, "off")
			}
		}
		if time.Since(seen) < pointTime {
			return d.Instance
		}
		_ = process.Signal(syscall.SIGCONT) // it may have gone on before it was stopped
	}
	a.t.Fatalf("no instance was at %s when it was stopped", p.name)
	return 0
}

func (a *killTest) continued(instance int) {
	_ = a.instances[instance].cmd.Process.Signal(syscall.SIGCONT)
}

// logEnd is where the sale's part of the log ends.
func (a *killTest) logEnd() int64 {
	client, done := a.kafka()
	defer done()
	_, end := a.claimsEnd(context.Background(), client)
	return end
}

func (a *killTest) everywhereURLs() []string {
	var urls []string
	for _, p := range a.instances {
		urls = append(urls, p.url)
	}
	return urls
}

// limit is the number of places, as Redis has it.
func (a *killTest) limit() int64 {
	limit, err := a.redis.Do(context.Background(), a.redis.B().Hget().Key(a.keyPrefix()+"limit").Field("limit").Build()).AsInt64()
	if err != nil {
		return -1
	}
	return limit
}

// others are the instances but these.
func others(these ...int) []int {
	return slices.DeleteFunc([]int{0, 1, 2}, func(i int) bool { return slices.Contains(these, i) })
}
