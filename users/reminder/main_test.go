package reminder

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/users"
	"flashsale/views/text"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// world is reminders on a schema of their own, with accounts whose addresses are verified, one sale, and a mailer that keeps what it is given.
type world struct {
	*testing.T
	pool     *pgxpool.Pool
	accounts []int64
	began    time.Time // by Postgres' clock

	mu      sync.Mutex // guards what follows
	sale    Sale
	mails   []Mail
	waiting int   // other mails in the queue
	room    int   // how many more the mailer takes
	refuses error // what it says to all others
}

func newWorld(t *testing.T, accounts int) *world {
	t.Helper()
	pool, _ := embeddedtest.Postgres(t)
	w := &world{T: t, pool: pool, room: 1 << 20}
	store := users.NewStore(pool)
	if _, err := store.EnsureSeries(w.ctx(), accounts, nil); err != nil {
		t.Fatal(err)
	}
	w.exec(`UPDATE users SET email_verified_at = now()`)
	rows, err := pool.Query(w.ctx(), `SELECT id FROM users ORDER BY id LIMIT $1`, accounts)
	if err != nil {
		t.Fatal(err)
	}
	if w.accounts, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
		t.Fatal(err)
	}
	if err := pool.QueryRow(w.ctx(), `SELECT now()`).Scan(&w.began); err != nil {
		t.Fatal(err)
	}
	w.sale = Sale{ID: 7, Slug: "lamp", Name: "Lamp", Announced: true, Now: w.began, Starts: w.began.Add(time.Hour)}
	return w
}

func (w *world) ctx() context.Context {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	w.Cleanup(cancel)
	return ctx
}

func (w *world) exec(statement string, args ...any) {
	w.Helper()
	if _, err := w.pool.Exec(w.ctx(), statement, args...); err != nil {
		w.Fatal(err)
	}
}

// process is one of those that share the reminders.
func (w *world) process(change ...func(*Config)) *worker {
	cfg := Config{Mail: w, Accounts: users.NewStore(w.pool), Sales: w.sales, Shop: "https://shop.example/", PerSecond: 1000}
	for _, c := range change {
		c(&cfg)
	}
	return &worker{Reminders: New(w.pool, cfg), ahead: map[Start]counted{}}
}

func (w *world) sales() []Sale {
	w.mu.Lock()
	defer w.mu.Unlock()
	return []Sale{w.sale}
}

// change changes the sale.
func (w *world) change(to func(*Sale)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	to(&w.sale)
}

// left makes it so long until the start. Postgres' clock stays what it is, so that only a start in its future is one.
func (w *world) left(d time.Duration) {
	w.change(func(s *Sale) { s.Now = s.Starts.Add(-d) })
}

func (w *world) Send(m Mail) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuses != nil {
		return w.refuses
	}
	if w.room--; w.room < 0 {
		return ErrFull
	}
	w.mails = append(w.mails, m)
	return nil
}

func (w *world) Waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.waiting
}

// sent are the addresses to which mails went, in order.
func (w *world) sent() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var to []string
	for _, m := range w.mails {
		to = append(to, m.To)
	}
	return to
}

// sends wants that many mails, no two of them to the same address.
func (w *world) sends(n int) {
	w.Helper()
	to := w.sent()
	slices.Sort(to)
	if distinct := len(slices.Compact(slices.Clone(to))); len(to) != n || distinct != n {
		w.Errorf("%d mails to %d addresses, want %d", len(to), distinct, n)
	}
}

func (w *world) ask(p *worker, accounts ...int64) {
	w.Helper()
	for _, account := range accounts {
		if err := p.Ask(w.ctx(), w.sale.ID, w.sale.Starts, account, text.Language{}); err != nil {
			w.Fatal(err)
		}
	}
}

func (w *world) is(p *worker, want ...State) {
	w.Helper()
	got, err := p.States(w.ctx(), w.sale.start(), w.accounts[:len(want)])
	if err != nil || !slices.Equal(got, want) {
		w.Errorf("%v %v, want %v", got, err, want)
	}
}

func (w *world) count(p *worker, r result, want float64) {
	w.Helper()
	if got := testutil.ToFloat64(p.metrics.reminders.WithLabelValues(string(r))); got != want {
		w.Errorf("%s: %v, want %v", r, got, want)
	}
}

// closed is a pool that answers nothing.
func closed(t *testing.T, w *world) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.NewWithConfig(w.ctx(), w.pool.Config())
	if err != nil {
		t.Fatal(err)
	}
	pool.Close()
	return pool
}
