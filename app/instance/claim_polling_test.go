package instance

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/app/embedded/embeddedtest"
)

// pollers is who asks while Postgres is slow, and how. FLASHSALE_RESILIENCE=full makes it 20,000 who ask once a second.
type pollers struct {
	n       int           // each has something of its own to ask for
	clients int           // connections that they share
	lasting time.Duration // how long they ask
}

func manyPollers() pollers {
	if os.Getenv("FLASHSALE_RESILIENCE") == "full" {
		return pollers{n: 20_000, clients: 128, lasting: 20 * time.Second}
	}
	return pollers{n: 2_000, clients: 64, lasting: 4 * time.Second}
}

// TestWhoAsksWhileTheLedgerIsSlowStopsNobodyFromBuying: the questions of clients have their connections and the lease of
// the snapshot has its own. A table that a statement of theirs needs is locked, so that each of them hangs; the sale is
// shown and sold all the while.
func TestWhoAsksWhileTheLedgerIsSlowStopsNobodyFromBuying(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		locked string
		path   func(w *slowMoment, i int) string
		// answered is what a question may come to meanwhile.
		answered []int
	}{
		"for pending claims": {"declines", func(w *slowMoment, i int) string { return w.claims[i%len(w.claims)] },
			[]int{http.StatusAccepted, http.StatusServiceUnavailable}},
		"for the list of shoppers": {"users", func(_ *slowMoment, i int) string { return fmt.Sprintf("/api/users?page=%d", 1+i%5) },
			[]int{http.StatusServiceUnavailable}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newSlowMoment(t)
			unlock := w.lock(c.locked)
			w.during(func(i int) string { return c.path(w, i) })
			unlock()
			w.judge(c.answered...)
		})
	}
}

// slowMoment is an instance under questions that Postgres does not answer.
type slowMoment struct {
	*client
	app     *Instance
	d       deployment
	pollers pollers
	claims  []string // addresses of claims, of which the first are of presses

	mu                    sync.Mutex
	polls, presses, looks map[int]int // answers by status; those of the status by whether it was stale
	lookups               float64
}

// pressing is how many press while others ask, one press after the other.
const pressing = 8

func newSlowMoment(t *testing.T) *slowMoment {
	t.Helper()
	d := newDeployment(t)
	d.Config.MaxStock = 10_000
	w := &slowMoment{d: d, app: d.start(t), pollers: manyPollers(), polls: map[int]int{}, presses: map[int]int{}, looks: map[int]int{}}
	w.client = newClient(t, w.app.URL())
	w.client.HTTP.Transport.(*http.Transport).MaxConnsPerHost = w.pollers.clients + 2*pressing
	w.client.HTTP.Transport.(*http.Transport).MaxIdleConnsPerHost = w.pollers.clients + 2*pressing
	if r := w.Call(http.MethodPost, "/api/users/seed", map[string]int{"userCount": 5_000}); r.Status != http.StatusOK {
		t.Fatalf("seed: %d %s", r.Status, r.Raw)
	}
	return w
}

// lock keeps everybody else from a table until the function is called.
func (w *slowMoment) lock(table string) (unlock func()) {
	w.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	conn, err := pgx.Connect(ctx, embeddedtest.DatabaseURL(w.T))
	if err != nil {
		w.T.Fatal(err)
	}
	unlock = sync.OnceFunc(func() { _ = conn.Close(ctx); cancel() })
	w.T.Cleanup(unlock)
	name := pgx.Identifier{w.d.Config.Namespace, table}.Sanitize()
	for _, sql := range []string{"BEGIN", "LOCK TABLE " + name + " IN ACCESS EXCLUSIVE MODE"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			w.T.Fatal(err)
		}
	}
	return unlock
}

// during asks, presses and looks for as long as it is to last.
func (w *slowMoment) during(path func(i int) string) {
	w.gather()
	before := w.asked()
	ctx, cancel := context.WithTimeout(context.Background(), w.pollers.lasting)
	defer cancel()
	var all sync.WaitGroup
	var next, shopper atomic.Int64
	for range w.pollers.clients {
		all.Go(func() {
			for ctx.Err() == nil {
				w.count(w.polls, w.poll(ctx, path(int(next.Add(1)))))
				pause(ctx, time.Duration(w.pollers.clients)*time.Second/time.Duration(w.pollers.n))
			}
		})
	}
	for range pressing {
		all.Go(func() {
			for ctx.Err() == nil {
				r, err := w.Try(http.MethodPost, "/api/flash-sale/purchase", map[string]string{"username": shopperName(int(100 + shopper.Add(1)%4_800))})
				if err == nil {
					w.count(w.presses, r.Status)
				}
			}
		})
	}
	all.Go(func() {
		for ctx.Err() == nil {
			if r, err := w.Try(http.MethodGet, "/api/flash-sale/status", nil); err == nil && r.Body["stale"] == true {
				w.count(w.looks, 1)
			} else {
				w.count(w.looks, 0)
			}
			pause(ctx, 50*time.Millisecond)
		}
	})
	<-ctx.Done()
	w.lookups = w.asked() - before
	all.Wait()
}

// gather finds the claims to ask for: those of presses that have no verdict, and others that the process knows nothing of.
func (w *slowMoment) gather() {
	for _, r := range crowd(w.T, 50, func(i int) reply { return w.Buy(shopperName(i)) }) {
		if r.Status == http.StatusAccepted {
			w.claims = append(w.claims, r.Header.Get("Location"))
		}
	}
	partition := w.partition()
	for len(w.claims) < w.pollers.n {
		w.claims = append(w.claims, claimPath(fmt.Sprintf("%d.0", partition)))
	}
}

// poll asks until the moment ends; 0: no answer by then.
func (w *slowMoment) poll(ctx context.Context, path string) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.Base+path, nil)
	if err != nil {
		w.T.Error(err)
		return 0
	}
	res, err := w.HTTP.Do(req)
	if err != nil {
		return 0
	}
	defer func() { _ = res.Body.Close() }()
	if res.Header.Get("Retry-After") == "" {
		w.T.Errorf("%s: %d without a time to come back", path, res.StatusCode)
	}
	return res.StatusCode
}

func (w *slowMoment) count(in map[int]int, status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	in[status]++
}

// asked is how often Postgres was asked for verdicts.
func (w *slowMoment) asked() float64 { return metric(w.T, w.app, "flashsale_verdict_lookups_total") }

func (w *slowMoment) partition() int {
	s, err := w.app.wiring.catalog.Snapshot("")
	if err != nil {
		w.T.Fatal(err)
	}
	return s.Partition
}

func (w *slowMoment) judge(answered ...int) {
	w.T.Logf("polls %v, presses %v, looks (1 is stale) %v, %v questions to Postgres", w.polls, w.presses, w.looks, w.lookups)
	polls, presses := 0, 0
	for status, n := range w.polls {
		polls += n
		if status != 0 && !slices.Contains(answered, status) {
			w.T.Errorf("%d questions were answered %d", n, status)
		}
	}
	for status, n := range w.presses {
		presses += n
		if !slices.Contains([]int{http.StatusCreated, http.StatusOK, http.StatusAccepted, http.StatusServiceUnavailable}, status) {
			w.T.Errorf("%d presses were answered %d", n, status)
		}
	}
	// A machine that stops for a second is no fault of those who ask: the log misses its time, the look its lease.
	if refused := w.presses[http.StatusServiceUnavailable]; refused*10 > presses {
		w.T.Errorf("%d of %d presses were refused", refused, presses)
	}
	if polls < w.pollers.clients || presses < pressing || w.looks[0] == 0 {
		w.T.Errorf("%d questions, %d presses: this proves nothing", polls, presses)
	}
	if stale := w.looks[1]; stale*10 > stale+w.looks[0] {
		w.T.Errorf("the snapshot was stale at %d of %d looks", stale, stale+w.looks[0])
	}
	if w.lookups*20 > float64(polls) {
		w.T.Errorf("%v questions to Postgres for %d of clients", w.lookups, polls)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
