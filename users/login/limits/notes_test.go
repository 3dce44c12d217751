package limits

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/rueidis"

	"flashsale/app/embedded/embeddedtest"
)

// runs writes what was noted, and returns once Run has ended.
func runs(t testing.TB, l *Limits) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

// silentClient is a client whose server takes every call and never answers.
type silentClient struct{ rueidis.Client }

func (c silentClient) DoMulti(ctx context.Context, calls ...rueidis.Completed) []rueidis.RedisResult {
	<-ctx.Done()
	return c.Client.DoMulti(ctx, calls...) // says that the time is over, and sends nothing
}

// A refused press does not wait for Redis: it once waited for half a second, until the note of the met limit had failed.
func TestANoteDoesNotWaitForRedis(t *testing.T) {
	t.Parallel()
	l := New(silentClient{embeddedtest.Redis(t)}, Config{Namespace: embeddedtest.Namespace(t)})
	l.within = time.Minute // so that whoever waits is seen, however busy the machine is
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 2 * mostNotes {
			l.Note(7, Purchase, ByAccount)
		}
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("a note waits for redis")
	}
	if n := testutil.ToFloat64(l.dropped); n != mostNotes || len(l.notes) != mostNotes {
		t.Errorf("%v notes are dropped, and %d wait, of %d", n, len(l.notes), 2*mostNotes)
	}
}

// Without an answer a note is dropped after its time, and the end waits for one second at most.
func TestNotesEndWithTheirContext(t *testing.T) {
	t.Parallel()
	l := New(silentClient{embeddedtest.Redis(t)}, Config{Namespace: embeddedtest.Namespace(t)})
	for range 300 {
		l.Note(7, Purchase, ByAccount)
	}
	ctx, stop := context.WithCancel(testContext(t))
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	stop()
	select {
	case err := <-ended:
		if n := testutil.ToFloat64(l.dropped); err != nil || n != 300 {
			t.Errorf("ended with %v, and %v notes are dropped", err, n)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it does not end")
	}
}

// What waits when the process stops is written.
func TestNotesThatWaitAreWrittenAtTheEnd(t *testing.T) {
	t.Parallel()
	l := newLimits(t, embeddedtest.Namespace(t))
	for account := range int64(200) {
		l.Note(account+1, Purchase, ByNetwork)
	}
	runs(t, l)
	for _, account := range []int64{1, 100, 200} {
		if met, err := l.Met(testContext(t), account); err != nil || len(met) != 1 || met[0].By != ByNetwork {
			t.Errorf("account %d has met %v (%v)", account, met, err)
		}
	}
	if n := testutil.ToFloat64(l.dropped); n != 0 {
		t.Errorf("%v are dropped", n)
	}
}
