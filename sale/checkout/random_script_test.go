package checkout

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"flashsale/sale"
)

// A script is a list of what shoppers and operators do and of what fails. It is plain data, so that a failing one can be made
// smaller, printed, and played again.
type script struct {
	processes int
	units     int64
	steps     []step
}

// step is one thing that happens, and how long nothing else does afterwards. Each verb takes of the rest what it needs.
type step struct {
	verb    string
	process int
	shopper int
	number  int
	pause   time.Duration
}

func (s script) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d processes, %d units\n", s.processes, s.units)
	for i, st := range s.steps {
		fmt.Fprintf(&b, "%3d %-32s process %d, %s, number %d, then %s\n", i, st.verb, st.process, scriptShoppers[st.shopper], st.number, st.pause)
	}
	return b.String()
}

var scriptShoppers = [...]string{"anna", "ben", "cleo", "dora"}

// verbs are all that can happen. What is to happen more often is there under several names.
func verbs() map[string]func(*scriptWorld, step) {
	return map[string]func(*scriptWorld, step){
		"press": (*scriptWorld).press, "press once more": (*scriptWorld).press, "press yet again": (*scriptWorld).press,
		"press with a key": func(s *scriptWorld, st step) {
			s.pressWith(st, sale.PurchaseRequest{IdempotencyKey: fmt.Sprint("key ", st.number%2)})
		},
		"press and do not wait": func(s *scriptWorld, st step) { s.pressWith(st, sale.PurchaseRequest{Async: true}) },
		"press twice at once":   func(s *scriptWorld, st step) { s.press(st); s.press(st) },
		"press at two processes": func(s *scriptWorld, st step) {
			s.press(st)
			st.process++
			s.press(st)
		},
		"everybody presses": (*scriptWorld).pressAll, "everybody presses again": (*scriptWorld).pressAll,

		"redis refuses":                   func(s *scriptWorld, _ step) { s.setCondition(redis, refuses) },
		"redis is silent":                 func(s *scriptWorld, _ step) { s.setCondition(redis, silent) },
		"redis loses replies":             func(s *scriptWorld, _ step) { s.setCondition(redis, losesReplies) },
		"redis is slow":                   func(s *scriptWorld, _ step) { s.setCondition(redis, slow) },
		"redis works":                     func(s *scriptWorld, _ step) { s.setCondition(redis, working) },
		"redis works again":               func(s *scriptWorld, _ step) { s.setCondition(redis, working) },
		"redis loses all":                 (*scriptWorld).emptyRedis,
		"redis writes a dump":             (*scriptWorld).dumpRedis,
		"redis restores the dump":         (*scriptWorld).restoreRedis,
		"redis has holders of no account": (*scriptWorld).addForeignHolders,

		"kafka refuses":                   func(s *scriptWorld, _ step) { s.setCondition(kafka, refuses) },
		"kafka is silent":                 func(s *scriptWorld, _ step) { s.setCondition(kafka, silent) },
		"kafka writes and says it failed": func(s *scriptWorld, _ step) { s.setCondition(kafka, losesReplies) },
		"kafka is slow":                   func(s *scriptWorld, _ step) { s.setCondition(kafka, slow) },
		"kafka works":                     func(s *scriptWorld, _ step) { s.setCondition(kafka, working) },
		"the log repeats a record":        (*scriptWorld).repeatRecord,
		"the log is read from its start":  (*scriptWorld).readAgain,
		"a consumer stops":                func(s *scriptWorld, st step) { s.at(st).consumes.Store(false) },
		"a consumer starts":               func(s *scriptWorld, st step) { s.at(st).consumes.Store(true); s.at(st).wakeConsumer() },

		"postgres refuses":            func(s *scriptWorld, _ step) { s.setCondition(postgres, refuses) },
		"postgres is silent":          func(s *scriptWorld, _ step) { s.setCondition(postgres, silent) },
		"postgres is slow":            func(s *scriptWorld, _ step) { s.setCondition(postgres, slow) },
		"postgres works":              func(s *scriptWorld, _ step) { s.setCondition(postgres, working) },
		"replies to commits are lost": (*scriptWorld).loseReplies,

		"the bus loses messages":   func(s *scriptWorld, _ step) { s.setCondition(messages, refuses) },
		"the bus repeats messages": func(s *scriptWorld, _ step) { s.setCondition(messages, repeats) },
		"the bus works":            func(s *scriptWorld, _ step) { s.setCondition(messages, working) },
		"a process restarts":       func(s *scriptWorld, st step) { s.noteDisturbance(); s.restart(st.process % len(s.all())) },

		"pause":  func(s *scriptWorld, st step) { s.move(st, sale.Paused, sale.Open) },
		"resume": func(s *scriptWorld, st step) { s.move(st, sale.Open, sale.Paused) },
		"close":  func(s *scriptWorld, st step) { s.move(st, sale.Closing, sale.Open) },
		"reopen": func(s *scriptWorld, st step) { s.move(st, sale.Open, sale.Closed) },
		"resize": func(s *scriptWorld, st step) { s.ledger.resize(int64(st.number)); s.refresh(st) },
		"reset":  (*scriptWorld).reset,
		"cancel": (*scriptWorld).cancel,

		"an account is archived":    (*scriptWorld).archive,
		"an account is seeded anew": (*scriptWorld).revive,
	}
}

// anyScript draws scripts. Waits are as long as the times of a purchase, or too short for anything to be over.
func anyScript() *rapid.Generator[script] {
	names := slices.Sorted(maps.Keys(verbs()))
	pauses := []time.Duration{0, time.Millisecond, 4 * time.Millisecond, 30 * time.Millisecond, 320 * time.Millisecond, 1100 * time.Millisecond}
	one := rapid.Custom(func(t *rapid.T) step {
		return step{
			verb: rapid.SampledFrom(names).Draw(t, "verb"), process: rapid.IntRange(0, 2).Draw(t, "process"),
			shopper: rapid.IntRange(0, len(scriptShoppers)-1).Draw(t, "shopper"), number: rapid.IntRange(0, 4).Draw(t, "number"),
			pause: rapid.SampledFrom(pauses).Draw(t, "pause"),
		}
	})
	return rapid.Custom(func(t *rapid.T) script {
		return script{
			processes: rapid.IntRange(1, 3).Draw(t, "processes"), units: rapid.Int64Range(1, 3).Draw(t, "units"),
			steps: rapid.SliceOfN(one, 1, 25).Draw(t, "steps"),
		}
	})
}
