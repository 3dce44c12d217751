package checkout

import (
	"fmt"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestAnyScriptKeepsEveryPromise plays scripts of presses, operators and faults before several processes, in fake time, and
// compares every answer with what the ledger said while the press was under way.
func TestAnyScriptKeepsEveryPromise(t *testing.T) {
	t.Parallel()
	for n := range batches {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				s := anyScript().Draw(rt, "script")
				if err := play(t, s); err != nil {
					rt.Fatalf("%v\nin the play of\n%s", err, s)
				}
			})
		})
	}
}

// TestScriptsThatOnceBrokeAPromise plays what the machine has found, made as small as it gets.
func TestScriptsThatOnceBrokeAPromise(t *testing.T) {
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
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := play(t, of); err != nil {
				t.Errorf("%v\nin the play of\n%s", err, of)
			}
		})
	}
}

// play plays a script in a bubble of its own and returns the first promise that was broken.
func play(t *testing.T, of script) (broken error) {
	synctest.Test(t, func(t *testing.T) {
		defer func() {
			if r := recover(); r != nil {
				broken = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
			}
		}()
		s := openScriptWorld(t, of.processes, of.units)
		defer s.leave()
		known := verbs()
		time.Sleep(40 * time.Millisecond) // each process has looked at the sale
		for i, st := range of.steps {
			known[st.verb](s, st)
			time.Sleep(st.pause)
			synctest.Wait()
			if broken = s.check(); broken != nil {
				broken = fmt.Errorf("after step %d: %w", i, broken)
				return
			}
		}
		s.heal()
		time.Sleep(quietTime)
		if broken = s.check(); broken == nil {
			broken = s.epilogue()
		}
	})
	return broken
}
