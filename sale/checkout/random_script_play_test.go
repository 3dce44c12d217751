package checkout

import (
	"fmt"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestRandomScripts plays scripts of requests, operators' acts and faults on several processes, in fake time, and compares every
// answer with what the ledger said while the request was under way.
func TestRandomScripts(t *testing.T) {
	t.Parallel()
	for n := range batches {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				s := anyScript().Draw(rt, "script")
				if err := play(t, s); err != nil {
					rt.Fatalf("%v\nin the script\n%s", err, s)
				}
			})
		})
	}
}

// TestScriptsThatOnceFailed plays scripts that TestRandomScripts has found, made as small as possible.
func TestScriptsThatOnceFailed(t *testing.T) {
	t.Parallel()
	const anna, ben, cleo = 0, 1, 2
	for name, of := range map[string]script{
		"an order that is known from its verdict is cancelled before the receipts are loaded for the first time": {2, 2, []step{
			{"press", 0, ben, 0, 30 * time.Millisecond}, {"cancel", 1, ben, 0, time.Millisecond}, {"everybody presses", 0, anna, 0, 0},
		}},
		"the log repeats the claim of an order that was cancelled and bought again": {1, 1, []step{
			{"press", 0, cleo, 0, 30 * time.Millisecond}, {"cancel", 0, cleo, 0, 1100 * time.Millisecond},
			{"press", 0, cleo, 0, 1100 * time.Millisecond}, {"the log repeats a record", 0, cleo, 0, 30 * time.Millisecond},
		}},
		"an owner presses in a closed sale while the reply to the commit of the order is on its way": {1, 1, []step{
			{"a consumer stops", 0, anna, 0, time.Millisecond}, {"press", 0, anna, 0, 30 * time.Millisecond}, {"close", 0, anna, 0, 4 * time.Millisecond},
			{"a consumer starts", 0, anna, 0, 3 * time.Millisecond}, {"press", 0, anna, 0, 0},
		}},
		"a process starts while Postgres is slow, and an order is cancelled as it reads the receipts": {1, 1, []step{
			{"everybody presses", 0, anna, 0, 0}, {"a consumer starts", 0, anna, 0, 30 * time.Millisecond}, {"postgres is slow", 0, anna, 0, 0},
			{"a process restarts", 0, anna, 0, 320 * time.Millisecond}, {"postgres works", 0, anna, 0, 0}, {"cancel", 0, anna, 0, 0},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := play(t, of); err != nil {
				t.Errorf("%v\nin the script\n%s", err, of)
			}
		})
	}
}

// play plays a script in fake time and returns the first check that failed.
func play(t *testing.T, of script) (failed error) {
	synctest.Test(t, func(t *testing.T) {
		defer func() {
			if r := recover(); r != nil {
				failed = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
			}
		}()
		s := newScriptWorld(t, of.processes, of.units)
		defer s.stop()
		known := verbs()
		time.Sleep(40 * time.Millisecond) // each process has read the sale
		for i, st := range of.steps {
			known[st.verb](s, st)
			time.Sleep(st.pause)
			synctest.Wait()
			if failed = s.check(); failed != nil {
				failed = fmt.Errorf("after step %d: %w", i, failed)
				return
			}
		}
		s.endFaults()
		time.Sleep(quietTime)
		if failed = s.check(); failed == nil {
			failed = s.checkEnd()
		}
	})
	return failed
}
