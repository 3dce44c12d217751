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
	"flashsale/users"
)

// pollers is how many clients ask while Postgres is slow, and how. FLASHSALE_RESILIENCE=full makes it 20,000 who ask once a
// second.
type pollers struct {
	n       int           // each asks for another claim
	clients int           // connections that they share
	lasting time.Duration // how long they ask
}

func manyPollers() pollers {
	if os.Getenv("FLASHSALE_RESILIENCE") == "full" {
		return pollers{n: 20_000, clients: 128, lasting: 20 * time.Second}
	}
	return pollers{n: 2_000, clients: 64, lasting: 4 * time.Second}
}

// TestPollingWhileTheLedgerIsSlowStopsNobodyFromBuying: the queries of clients have their connections and the lease of the
// snapshot has its own. A table that the clients' queries need is locked, so that all of them hang; the sale is still shown and
// sold.
func TestPollingWhileTheLedgerIsSlowStopsNobodyFromBuying(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		locked string
		path   func(w *lockedLedger, i int) string
		// answered is what a question may come to meanwhile.
		answered []int
	}{
		"for pending claims": {"declines", func(w *lockedLedger, i int) string { return w.claims[i%len(w.claims)] },
			[]int{http.StatusAccepted, http.StatusServiceUnavailable}},
		"for the list of shoppers": {"users", func(_ *lockedLedger, i int) string { return fmt.Sprintf("/api/users?page=%d", 1+i%5) },
			[]int{http.StatusServiceUnavailable}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newLockedLedger(t)
			unlock := w.lock(c.locked)
			w.during(func(i int) string { return c.path(w, i) })
			unlock()
			w.judge(c.answered...)
		})
	}
}

// lockedLedger is an instance whose clients ask for what Postgres cannot answer, because a table is locked.
type lockedLedger struct {
	*client
	app     *Instance
	d       deployment
	pollers pollers
	claims  []string // addresses of claims, of which the first are of purchase requests

	mu                     sync.Mutex
	polls, requests, reads map[int]int // answers by status code; reads by whether the status was stale (1) or not (0)
	lookups                float64
}

// pressing is how many shoppers buy meanwhile, each one request after the other.
const pressing = 8

func newLockedLedger(t *testing.T) *lockedLedger {
	t.Helper()
	d := newDeployment(t)
	d.Config.MaxStock = 10_000
	w := &lockedLedger{d: d, app: d.start(t), pollers: manyPollers(), polls: map[int]int{}, requests: map[int]int{}, reads: map[int]int{}}
	w.client = newClient(t, w.app.URL())
	w.client.HTTP.Transport.(*http.Transport).MaxConnsPerHost = w.pollers.clients + 2*pressing
	w.client.HTTP.Transport.(*http.Transport).MaxIdleConnsPerHost = w.pollers.clients + 2*pressing
	if r := w.Call(http.MethodPost, "/api/users/seed", map[string]int{"userCount": users.AbleLength(5_000)}); r.Status != http.StatusOK {
		t.Fatalf("seed: %d %s", r.Status, r.Raw)
	}
	return w
}

// lock keeps everybody else from a table until the function is called.
func (w *lockedLedger) lock(table string) (unlock func()) {
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

// during polls, buys and reads the status for the time of the plan.
func (w *lockedLedger) during(path func(i int) string) {
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
					w.count(w.requests, r.Status)
				}
			}
		})
	}
	all.Go(func() {
		for ctx.Err() == nil {
			if r, err := w.Try(http.MethodGet, "/api/flash-sale/status", nil); err == nil && r.Body["stale"] == true {
				w.count(w.reads, 1)
			} else {
				w.count(w.reads, 0)
			}
			pause(ctx, 50*time.Millisecond)
		}
	})
	<-ctx.Done()
	w.lookups = w.asked() - before
	all.Wait()
}

// gather finds the claims to ask for: those of purchase requests without a verdict, and others that the process does not know.
func (w *lockedLedger) gather() {
	for _, r := range allAtOnce(w.T, 50, func(i int) reply { return w.Buy(shopperName(i)) }) {
		if r.Status == http.StatusAccepted {
			w.claims = append(w.claims, r.Header.Get("Location"))
		}
	}
	partition := w.partition()
	for len(w.claims) < w.pollers.n {
		w.claims = append(w.claims, claimPath(fmt.Sprintf("%d.0", partition)))
	}
}

// poll asks once; 0: no answer until ctx ended.
func (w *lockedLedger) poll(ctx context.Context, path string) int {
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
		w.T.Errorf("%s: %d without a time to ask again", path, res.StatusCode)
	}
	return res.StatusCode
}

func (w *lockedLedger) count(in map[int]int, status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	in[status]++
}

// asked is how often Postgres was asked for verdicts.
func (w *lockedLedger) asked() float64 { return metric(w.T, w.app, "flashsale_verdict_lookups_total") }

func (w *lockedLedger) partition() int {
	s, err := w.app.wiring.catalog.Snapshot("")
	if err != nil {
		w.T.Fatal(err)
	}
	return s.Partition
}

func (w *lockedLedger) judge(answered ...int) {
	w.T.Logf("polls %v, purchase requests %v, reads of the status (1 is stale) %v, %v queries to Postgres", w.polls, w.requests, w.reads, w.lookups)
	polls, requests := 0, 0
	for status, n := range w.polls {
		polls += n
		if status != 0 && !slices.Contains(answered, status) {
			w.T.Errorf("%d polls were answered %d", n, status)
		}
	}
	for status, n := range w.requests {
		requests += n
		if !slices.Contains([]int{http.StatusCreated, http.StatusOK, http.StatusAccepted, http.StatusServiceUnavailable}, status) {
			w.T.Errorf("%d purchase requests were answered %d", n, status)
		}
	}
	// A busy machine may stop for a second, which has nothing to do with the polls: an append is then late, or a lease ends.
	if refused := w.requests[http.StatusServiceUnavailable]; refused*10 > requests {
		w.T.Errorf("%d of %d purchase requests were refused", refused, requests)
	}
	if polls < w.pollers.clients || requests < pressing || w.reads[0] == 0 {
		w.T.Errorf("%d polls, %d purchase requests: this proves nothing", polls, requests)
	}
	if stale := w.reads[1]; stale*10 > stale+w.reads[0] {
		w.T.Errorf("the snapshot was stale at %d of %d reads", stale, stale+w.reads[0])
	}
	if w.lookups*20 > float64(polls) {
		w.T.Errorf("%v queries to Postgres for %d polls", w.lookups, polls)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
