package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"flashsale/events/cluster"
)

// world is a primary with heartbeats, and a replica that follows it at a distance. Its clock is not that of this process.
type world struct {
	*Replica
	t *testing.T

	mu      sync.Mutex
	ahead   time.Duration // the primary's clock
	stopped time.Time     // the replica replays nothing since then; zero: it follows
	primary error
	standby error
	as      cluster.Sight
	acted   map[string]bool
	unsure  error
	log     strings.Builder
}

var here = cluster.Sight{System: 7, Database: 5, Table: 3, Standby: true}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, as: here, ahead: -time.Hour, acted: map[string]bool{}}
	beat := func(at time.Time) time.Time { return at.Truncate(time.Second).Add(w.ahead) }
	w.Replica = New(Config{
		Primary: func(context.Context) (cluster.Sight, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			seen := here
			seen.Standby, seen.Now, seen.Beat = false, time.Now().Add(w.ahead), beat(time.Now())
			return seen, w.primary
		},
		Standby: func(context.Context) (cluster.Sight, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			seen := w.as
			if seen.Beat = beat(time.Now()); !w.stopped.IsZero() {
				seen.Beat = beat(w.stopped)
			}
			return seen, w.standby
		},
		Acted: func(_ context.Context, who string, within time.Duration) (bool, error) {
			if within != OwnActs {
				t.Errorf("acts of %v are asked for", within)
			}
			return w.acted[who], w.unsure
		},
		Place: "db2:5432", Logger: slog.New(slog.NewTextHandler(&w.log, nil)), Registerer: prometheus.NewRegistry(),
	})
	return w
}

// change changes the world while the replica is looked at.
func (w *world) change(how func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	how()
}

// follow lets the replica be looked at until the test ends.
func (w *world) follow() {
	ctx, end := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = w.Run(ctx) }()
	w.t.Cleanup(func() { end(); <-done })
	time.Sleep(time.Second)
	synctest.Wait()
}

// reads asks for a list that is there, and reports why it was the primary's.
func (w *world) reads(who string) (age time.Duration, reason Reason) {
	return w.gives(who, func(context.Context) (bool, error) { return true, nil })
}

func (w *world) gives(who string, read func(context.Context) (bool, error)) (age time.Duration, reason Reason) {
	w.t.Helper()
	before := w.counts()
	age, ok := w.Read(w.t.Context(), who, read)
	for name, n := range w.counts() {
		if n != before[name] {
			if reason = Reason(name); n != before[name]+1 || ok != (reason == "") {
				w.t.Errorf("%q was counted %v times, ok %v", name, n-before[name], ok)
			}
			return age, reason
		}
	}
	w.t.Error("a read was not counted")
	return age, reason
}

func (w *world) counts() map[string]float64 {
	all := map[string]float64{"": testutil.ToFloat64(w.lists.WithLabelValues("replica", ""))}
	for _, reason := range reasons() {
		all[string(reason)] = testutil.ToFloat64(w.lists.WithLabelValues("primary", string(reason)))
	}
	return all
}

// A replica that follows answers, and tells its age; one that stands still answers for five seconds, whatever this process' clock says.
func TestAReplicaThatIsLateDoesNotAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if _, why := w.reads("olga"); why != Unknown {
			t.Errorf("before the first look: %q", why)
		}
		w.follow()
		if age, why := w.reads("olga"); why != "" || age > 1500*time.Millisecond || w.Unused() != nil {
			t.Fatalf("%v old, %q", age, why)
		}
		stopped := time.Now()
		w.change(func() { w.stopped = stopped })
		for {
			time.Sleep(100 * time.Millisecond)
			age, why := w.reads("olga")
			since := time.Since(stopped)
			if why == Behind {
				if since < 3*time.Second || since > MaxAge+lookEvery {
					t.Errorf("it counts as late after %v", since)
				}
				break
			}
			if why != "" || age < since-lookEvery || age > since+1300*time.Millisecond {
				t.Fatalf("after %v: %v old, %q", since, age, why)
			}
		}
		if err := w.Unused(); err == nil || err.Error() != "it is 5s behind" {
			t.Errorf("%v", err)
		}
		w.change(func() { w.stopped = time.Time{} })
		time.Sleep(time.Second)
		if _, why := w.reads("olga"); why != "" {
			t.Errorf("after it has caught up: %q", why)
		}
	})
}

// While the primary is away there are no heartbeats, so the replica becomes too old by itself.
func TestWithoutHeartbeatsTheReplicaBecomesTooOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.follow()
		w.change(func() { w.primary, w.stopped = io.ErrUnexpectedEOF, time.Now() })
		time.Sleep(3 * time.Second)
		if _, why := w.reads("olga"); why != "" {
			t.Errorf("after 3 s: %q", why)
		}
		time.Sleep(3 * time.Second)
		if _, why := w.reads("olga"); why != Behind {
			t.Errorf("after 6 s: %q", why)
		}
	})
}

// What a look finds decides before anything is read.
func TestWhichServerMayAnswer(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		as    func(*cluster.Sight)
		err   error
		want  Reason
		says  string
		begin bool // a start is refused
	}{
		"no answer":          {err: io.ErrUnexpectedEOF, want: Away, says: "it does not answer"},
		"no schema yet":      {as: func(s *cluster.Sight) { s.Table = 0 }, err: cluster.ErrNoSchema, want: Behind, says: "it does not have the schema yet"},
		"another server":     {as: func(s *cluster.Sight) { s.System = 8 }, want: Other, says: "it is no copy of the database that DATABASE_URL names", begin: true},
		"another one's void": {as: func(s *cluster.Sight) { s.System = 8 }, err: cluster.ErrNoSchema, want: Other, says: "it is no copy of the database that DATABASE_URL names", begin: true},
		"another database":   {as: func(s *cluster.Sight) { s.Database = 6 }, want: Other, says: "it is no copy of the database that DATABASE_URL names", begin: true},
		"another schema":     {as: func(s *cluster.Sight) { s.Table = 4 }, want: Other, says: "it is no copy of the database that DATABASE_URL names"},
		"a primary":          {as: func(s *cluster.Sight) { s.Standby = false }, want: NoStandby, says: "it follows no other server"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.change(func() {
					if w.standby = one.err; one.as != nil {
						one.as(&w.as)
					}
				})
				if err := w.Begin(t.Context()); errors.Is(err, OtherError{}) != one.begin {
					t.Errorf("a start: %v", err)
				}
				w.follow()
				if _, why := w.reads("olga"); why != one.want || w.Unused() == nil || w.Unused().Error() != one.says {
					t.Errorf("%q: %v", why, w.Unused())
				}
				if n := strings.Count(w.log.String(), one.says); n != 1 {
					t.Errorf("it was logged %d times: %s", n, w.log.String())
				}
				w.change(func() { w.as, w.standby = here, nil })
				time.Sleep(time.Second)
				if _, why := w.reads("olga"); why != "" {
					t.Errorf("when it is right: %q", why)
				}
			})
		})
	}
}

// Whoever has acted reads the primary, and so does everybody while nobody knows.
func TestOnesOwnActsAreThePrimarys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.follow()
		w.acted["olga"] = true
		if _, why := w.reads("olga"); why != OwnAct {
			t.Errorf("who has acted: %q", why)
		}
		if _, why := w.reads("vera"); why != "" {
			t.Errorf("somebody else: %q", why)
		}
		w.unsure = io.ErrUnexpectedEOF
		if _, why := w.reads("vera"); why != OwnAct {
			t.Errorf("when nobody knows: %q", why)
		}
	})
}

// What fails on the replica is asked of the primary. A server that could not be reached answers nothing before the next look.
func TestWhatTheReplicaCannotAnswer(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		found bool
		err   error
		want  Reason
		after Reason // of the next read, at once
	}{
		"nothing there":      {want: Missing},
		"a conflict":         {err: fmt.Errorf("read: %w", &pgconn.PgError{Code: "40001", Message: "canceling statement due to conflict with recovery"}), want: Conflict},
		"a deadlock":         {err: &pgconn.PgError{Code: "40P01"}, want: Conflict},
		"statement_timeout":  {err: &pgconn.PgError{Code: "57014"}, want: Slow},
		"the time is over":   {err: fmt.Errorf("read: %w", context.DeadlineExceeded), want: Slow},
		"another answer":     {err: &pgconn.PgError{Code: "0A000"}, want: Failed},
		"a lost connection":  {err: io.ErrUnexpectedEOF, want: Failed, after: Away},
		"found and an error": {found: true, err: io.ErrUnexpectedEOF, want: Failed, after: Away},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.follow()
				if _, why := w.gives("olga", func(context.Context) (bool, error) { return one.found, one.err }); why != one.want {
					t.Errorf("%q", why)
				}
				if _, why := w.reads("olga"); why != one.after {
					t.Errorf("then %q", why)
				}
				time.Sleep(time.Second)
				if _, why := w.reads("olga"); why != "" {
					t.Errorf("after the next look %q", why)
				}
			})
		})
	}
}

// A read ends when its time is over, and there are never more than a few. One whose client has left is no read.
func TestReadsOfTheReplicaAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.follow()
		began := time.Now()
		hang := func(ctx context.Context) (bool, error) { <-ctx.Done(); return false, ctx.Err() }
		var all sync.WaitGroup
		for range Reads {
			all.Go(func() {
				if _, ok := w.Read(t.Context(), "olga", hang); ok {
					t.Error("a read that hangs has found something")
				}
			})
		}
		synctest.Wait()
		if _, why := w.reads("vera"); why != Busy {
			t.Errorf("one more: %q", why)
		}
		all.Wait()
		if took := time.Since(began); took != ReadTime || w.counts()[string(Slow)] != Reads {
			t.Errorf("%v, %v", took, w.counts())
		}
		before := w.counts()
		ctx, leave := context.WithCancel(t.Context())
		leave()
		if _, ok := w.Read(ctx, "olga", hang); ok || fmt.Sprint(w.counts()) != fmt.Sprint(before) {
			t.Errorf("a client that has left was counted: %v", w.counts())
		}
	})
}
