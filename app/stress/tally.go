package stress

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// maxUnexpected bounds how many different unexpected answers are reported.
const maxUnexpected = 20

// tally counts the answers that shoppers get. It is safe for concurrent use.
type tally struct {
	mu sync.Mutex
	// latency is of purchase requests that were answered, wait is what they waited for a connection; microseconds.
	latency, wait *hdrhistogram.Histogram
	// late, answer and final count from when a shopper who comes at a rate was due.
	late, answer, final *hdrhistogram.Histogram
	codes               map[string]int
	problems            map[string]int
	unexpectedAnswers   map[string]int
	requests            int
	retries             int
	broken              int // requests without an answer
	pending             int
	gave                int
}

func newTally() *tally {
	return &tally{
		latency: hdrhistogram.New(1, 60_000_000, 3), wait: hdrhistogram.New(1, 600_000_000, 3),
		late: hdrhistogram.New(1, 600_000_000, 3), answer: hdrhistogram.New(1, 600_000_000, 3), final: hdrhistogram.New(1, 600_000_000, 3),
		codes: map[string]int{}, problems: map[string]int{}, unexpectedAnswers: map[string]int{},
	}
}

func (t *tally) answered(answer reply) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests++
	t.codes[strconv.Itoa(answer.code)]++
	record(t.latency, answer.took.Microseconds())
	record(t.wait, answer.slot.Microseconds())
}

// started, arrived and settled are the moments of a shopper who comes at a rate.
func (t *tally) started(late time.Duration) { t.count(func() { record(t.late, late.Microseconds()) }) }
func (t *tally) arrived(took time.Duration) {
	t.count(func() { record(t.answer, took.Microseconds()) })
}
func (t *tally) settled(took time.Duration) { t.count(func() { record(t.final, took.Microseconds()) }) }

// record counts what is beyond the histogram's range as its end.
func record(h *hdrhistogram.Histogram, v int64) {
	_ = h.RecordValue(min(max(v, 1), h.HighestTrackableValue()))
}

func (t *tally) problem(kind string) { t.count(func() { t.problems[kind]++ }) }
func (t *tally) retried()            { t.count(func() { t.retries++ }) }
func (t *tally) disconnected()       { t.count(func() { t.broken++ }) }
func (t *tally) deferred()           { t.count(func() { t.pending++ }) }
func (t *tally) gaveUp()             { t.count(func() { t.gave++ }) }

func (t *tally) count(add func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	add()
}

// unexpected remembers an answer that no server of this kind should give.
func (t *tally) unexpected(format string, args ...any) {
	t.count(func() {
		if text := fmt.Sprintf(format, args...); t.unexpectedAnswers[text] > 0 || len(t.unexpectedAnswers) < maxUnexpected {
			t.unexpectedAnswers[text]++
		}
	})
}
