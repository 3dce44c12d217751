package claimlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	"flashsale/events"
	"flashsale/events/eventstest"
)

// reading is a reader whose test ends it.
func reading(t *testing.T, l *Log, offset int64, cfg ReaderConfig) *Reader {
	t.Helper()
	r := l.Read(t.Context(), 0, offset, cfg)
	t.Cleanup(r.Close)
	return r
}

// reads takes that many records.
func reads(t *testing.T, r *Reader, n int) []Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), eventstest.Patience)
	defer cancel()
	var all []Record
	for len(all) < n {
		records, err := r.Next(ctx, n-len(all))
		if err != nil {
			t.Fatalf("after %d records: %v", len(all), err)
		}
		all = append(all, records...)
	}
	return all
}

// fetched are that many records as the log gives them.
func fetched(t *testing.T, l *Log, n int) []Record {
	t.Helper()
	var all []Record
	for len(all) < n {
		records, err := l.Fetch(t.Context(), 0, int64(len(all)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, records...)
	}
	return all
}

// another is the log of another process: what it writes has to be fetched.
func (w *world) another() *Log {
	l := newLog(w.log.cfg)
	l.id = w.log.id
	w.Cleanup(func() { _ = l.Close() })
	return l
}

func always() bool { return true }

// odd are claims whose form in the log is not the one that they were given in.
func odd() []events.Claim {
	claims := eventstest.NewClaims(7)
	claims[0].V = 0
	claims[1].Username = "a\"<b>\u2028é"
	claims[2].Username = "bad\xffutf8"
	claims[3].PressedAt = time.Now().In(time.FixedZone("here", 3*3600+1800))
	claims[4].PressedAt = time.Time{}
	claims[5].Partition, claims[5].Traceparent = 5, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	claims[6].Attempt = 0 // undecodable
	return append(claims, eventstest.NewClose())
}

func TestWhatIsTakenOverIsWhatAFetchBrings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := reading(t, w.log, 0, ReaderConfig{Alone: always})
	for range 20 {
		w.append(0, odd()...)
		w.append(0, eventstest.NewClaims(3)...)
	}
	const n = 20 * 11
	got, want := reads(t, r, n), fetched(t, w.another(), n)
	for i := range want {
		if fmt.Sprint(got[i].Undecodable) != fmt.Sprint(want[i].Undecodable) {
			t.Fatalf("record %d cannot be read: %v, want %v", i, got[i].Undecodable, want[i].Undecodable)
		}
		got[i].Undecodable, want[i].Undecodable = nil, nil
		if !reflect.DeepEqual(got[i], want[i]) || !reflect.DeepEqual(got[i].Fingerprint(), want[i].Fingerprint()) {
			t.Fatalf("record %d is %+v, want %+v", i, got[i], want[i])
		}
	}
	if handed := eventstest.Measured(t, w.log.metrics.handed); handed == 0 {
		t.Error("everything was fetched")
	}
}

// Two processes write at once, one of them two batches at a time and in whichever order, and now and then something foreign.
func TestEveryRecordIsReadOnceAndInOrderWhoeverWroteIt(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]ReaderConfig{"with others": {}, "alone": {Alone: always}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := reading(t, w.log, 0, cfg)
			other := w.another()
			const batches, writers = 60, 3
			var writing sync.WaitGroup
			var mu sync.Mutex
			written := 0
			for i := range writers {
				writing.Go(func() {
					for range batches {
						l := w.log
						if i == 0 && rand.N(3) > 0 {
							l = other
						}
						n := 1 + rand.N(5)
						var err error
						if rand.N(10) > 0 {
							_, err = l.Append(t.Context(), 0, eventstest.NewClaims(n))
						} else {
							n = 1
							_, err = l.Produce(t.Context(), l.ClaimsTopic(), 0, []Message{{Key: []byte("k"), Value: []byte("foreign")}})
						}
						if err != nil {
							t.Error(err)
						}
						mu.Lock()
						written += n
						mu.Unlock()
					}
				})
			}
			writing.Wait()
			got, want := reads(t, r, written), fetched(t, other, written)
			for i := range want {
				if got[i].Offset != int64(i) || want[i].Offset != int64(i) || !bytes.Equal(got[i].Value, want[i].Value) || got[i].Claim != want[i].Claim {
					t.Fatalf("record %d is %+v, want %+v", i, got[i], want[i])
				}
			}
			t.Logf("%v of %d records were taken over", eventstest.Measured(t, w.log.metrics.handed), written)
			w.append(0, eventstest.NewClaims(2)...)
			if more := reads(t, r, 2); more[0].Offset != int64(written) {
				t.Errorf("it goes on at %d, want %d", more[0].Offset, written)
			}
		})
	}
}

// own is a batch of claims at an offset.
func own(t *testing.T, base int64, n int) []Record {
	t.Helper()
	messages, err := encodeClaims(eventstest.NewClaims(n))
	if err != nil {
		t.Fatal(err)
	}
	b := &ownBatch{readers: make([]*Reader, 1)}
	b.acknowledged(base, messages)
	return b.records
}

// still is a reader that fetches nothing.
func still(t *testing.T, l *Log, next int64) *Reader {
	t.Helper()
	return &Reader{log: l, next: next, cancel: func() {}, ready: make(signal, 1), room: make(signal, 1), due: make(signal, 1)}
}

func TestBatchesAcknowledgedInAnotherOrderAreReadInTheLogs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := still(t, w.log, 10)
	first, second, third := r.begin(), r.begin(), r.begin()
	r.end(third, own(t, 15, 2))
	r.end(second, own(t, 13, 2))
	if taken, _ := r.take(100); len(taken) != 0 {
		t.Fatalf("%d records are taken before those that precede them", len(taken))
	}
	r.end(first, own(t, 10, 3))
	taken, err := r.take(100)
	if err != nil || len(taken) != 7 {
		t.Fatalf("%d records (%v), want 7", len(taken), err)
	}
	for i := range taken {
		if taken[i].Offset != int64(10+i) {
			t.Errorf("record %d is at %d", i, taken[i].Offset)
		}
	}
}

func TestWhatWasFetchedMeanwhileIsNotTakenOverAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := still(t, w.log, 0)
	first, second := r.begin(), r.begin()
	batch := own(t, 0, 6)
	r.add(batch[:4]) // the fetch brought part of the first one
	r.end(second, own(t, 6, 2))
	r.end(first, batch)
	r.add(append(batch, own(t, 6, 2)...))
	taken, _ := r.take(100)
	for i := range taken {
		if taken[i].Offset != int64(i) {
			t.Fatalf("record %d is at %d", i, taken[i].Offset)
		}
	}
	if len(taken) != 8 {
		t.Errorf("%d records, want 8", len(taken))
	}
}

func TestAReaderFetchesAtOnceWhenAnotherProcessWroteBetween(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := still(t, w.log, 0)
	r.cfg.Alone = always
	_, _, _ = r.look(time.Now())
	now := r.begin()
	if _, rest, _ := r.look(time.Now()); rest <= 0 || rest > restTime {
		t.Errorf("while a batch is written it rests for %v", rest)
	}
	r.end(now, own(t, 3, 2))
	if _, rest, _ := r.look(time.Now()); rest > 0 || len(r.due) == 0 {
		t.Errorf("with a gap before the batch it rests for %v", rest)
	}
	r.add(own(t, 0, 3))
	if _, rest, _ := r.look(time.Now()); rest <= 0 || r.next != 5 {
		t.Errorf("without a gap it rests for %v, at %d", rest, r.next)
	}
	if _, rest, _ := r.look(time.Now().Add(restMost)); rest > 0 {
		t.Errorf("it rests for %v although the last fetch was long ago", rest)
	}
}

func TestAReaderTakesNoMoreThanItMayKeep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := still(t, w.log, 0)
	r.end(r.begin(), own(t, 0, unread))
	r.end(r.begin(), own(t, unread, 1))
	if _, _, full := r.look(time.Now()); len(r.queue) != unread || r.next != unread || !full {
		t.Errorf("%d records wait, full: %v", len(r.queue), full)
	}
	r = still(t, w.log, 0)
	for i := range int64(3 * earlyMost) {
		r.end(r.begin(), own(t, 1+i, 1))
	}
	if len(r.early) != earlyMost {
		t.Errorf("%d batches wait for the one before them", len(r.early))
	}
}

// A topic that was deleted and made again begins at 0, and may grow past what was read of the one before.
func TestAnAcknowledgementFromAnotherLogEndsTheReading(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := still(t, w.log, 5)
	r.end(r.begin(), own(t, 2, 3))
	if taken, err := r.take(100); len(taken) != 0 || !errors.Is(err, events.ErrLog) {
		t.Errorf("%d records (%v), want an error", len(taken), err)
	}
	r.end(r.begin(), own(t, 5, 1))
	if taken, err := r.take(100); len(taken) != 0 || !errors.Is(err, events.ErrLog) {
		t.Errorf("after the failure: %d records (%v)", len(taken), err)
	}
}

func TestAFailureComesAfterWhatWasReadBeforeIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(0, eventstest.NewClaims(2)...)
	r := reading(t, w.log, 0, ReaderConfig{})
	eventstest.Eventually(t, "both are read", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.next == 2 })
	broken := errors.New("broken")
	r.fail(broken)
	if got := reads(t, r, 2); len(got) != 2 {
		t.Errorf("%d records", len(got))
	}
	if _, err := r.Next(t.Context(), 1); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
