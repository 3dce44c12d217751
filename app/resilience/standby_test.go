//go:build unix

package resilience

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/app/embedded/embeddedtest"
)

// pair is a PostgreSQL and its standby, with a proxy between the two, one for the product, and one for the tests, which is
// rerouted together with the product's.
type pair struct {
	primary, standby       *server
	atPrimary, atStandby   string // past every proxy
	between, before, tests *serverProxy
}

// newPair makes one. The primary waits for its standby at every commit if that is to be synchronous.
func newPair(t *testing.T, synchronous bool) (*pair, settings) {
	t.Helper()
	p := &pair{}
	dir, err := shared.folder("primary")
	if err != nil {
		t.Fatal(err)
	}
	p.primary, p.atPrimary, err = newPostgres(dir)
	installed(t, err)
	start(t, p.primary)
	p.between = wireTo(t, hostOf(t, p.atPrimary))
	p.copyPrimary(t)
	start(t, p.standby)
	p.streams(t, "async")
	if synchronous {
		executed(t, p.atPrimary, "ALTER SYSTEM SET synchronous_standby_names = '*'")
		executed(t, p.atPrimary, "SELECT pg_reload_conf()")
		p.streams(t, "sync")
	}
	p.before, p.tests = wireTo(t, hostOf(t, p.atPrimary)), wireTo(t, hostOf(t, p.atPrimary))
	s := plain(t)
	s.database, s.realDatabase = through(t, p.atPrimary, p.before.address()), through(t, p.atPrimary, p.tests.address())
	return p, s
}

func start(t *testing.T, s *server) {
	t.Helper()
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.stop(syscall.SIGQUIT) })
}

func wireTo(t *testing.T, upstream string) *serverProxy {
	t.Helper()
	w, err := newServerProxy("wire", upstream)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.refuse)
	return w
}

// copyPrimary copies the standby's files from the primary, through the proxy that it will replicate through.
func (p *pair) copyPrimary(t *testing.T) {
	t.Helper()
	dir, err := shared.folder("standby")
	if err != nil {
		t.Fatal(err)
	}
	port, err := embeddedtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	host, from, err := net.SplitHostPort(p.between.address())
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if p.primary.as != nil {
		if err := os.Chown(data, int(p.primary.as.Uid), int(p.primary.as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	backup := exec.Command(filepath.Join(filepath.Dir(p.primary.program), "pg_basebackup"), "-h", host, "-p", from, "-U", "postgres",
		"-D", data, "-R", "-X", "stream", "--checkpoint=fast")
	backup.Dir, backup.SysProcAttr = data, processAttributes()
	backup.SysProcAttr.Credential = p.primary.as
	if out, err := backup.CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v\n%s", err, out)
	}
	p.standby = &server{name: "standby", program: p.primary.program, dir: data, as: p.primary.as, args: []string{"-D", data,
		"-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=400"}}
	p.atStandby = through(t, p.atPrimary, loopback(port))
	p.standby.ready = func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, p.atStandby)
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	}
}

// asking opens a connection past every proxy, for one query.
func asking(t *testing.T, address string, ask func(ctx context.Context, conn *pgx.Conn) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err == nil {
		err = errors.Join(ask(ctx, conn), conn.Close(ctx))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func executed(t *testing.T, address, statement string) {
	t.Helper()
	asking(t, address, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, statement)
		return err
	})
}

// streams waits until the standby replicates, in that mode as the primary shows it.
func (p *pair) streams(t *testing.T, how string) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		var n int
		asking(t, p.atPrimary, func(ctx context.Context, conn *pgx.Conn) error {
			return conn.QueryRow(ctx, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = $1", how).Scan(&n)
		})
		if n == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the standby does not follow\n%s", &p.standby.log)
		}
	}
}

// bought are the units of all live orders on that server, by order.
func (w *world) bought(address string) map[string]int64 {
	w.t.Helper()
	units := map[string]int64{}
	asking(w.t, address, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, "SELECT id::text, unit FROM "+w.namespace+".orders WHERE released_at IS NULL")
		if err != nil {
			return err
		}
		var id string
		var unit int64
		_, err = pgx.ForEachRow(rows, []any{&id, &unit}, func() error {
			units[id] = unit
			return nil
		})
		return errors.Join(err, rows.Err())
	})
	return units
}

// promote makes the standby the server of the product and of the tests.
func (p *pair) promote(w *world) {
	w.t.Helper()
	executed(w.t, p.atStandby, "SELECT pg_promote()")
	for _, one := range []*serverProxy{p.tests, p.before} {
		one.reroute(w.t, hostOf(w.t, p.atStandby))
	}
	w.pool.Reset()
}

// unknownReceipts are the receipts that a server has no order of.
func (w *world) unknownReceipts(units map[string]int64) (missing []string) {
	for _, receipt := range w.shoppers.promised() {
		if _, ok := units[receipt]; !ok {
			missing = append(missing, receipt)
		}
	}
	return missing
}

// standbyPromoted: a standby that lacks the last orders takes over. Their claims are in the log and the cursor went back with
// the orders, so they are decided again, with the same result. This needs two conditions, which the row provides: all claims
// came by the log, and nothing else is decided until the log is read again.
func standbyPromoted(t *testing.T, r *report) {
	p, s := newPair(t, false)
	s.env = []string{"DIRECT_PATH=false"} // else few claims at a time are decided beside the log
	w := newWorld(t, r, s, stock, shopperCount)
	l := w.pressing(rate)
	w.eventually(60*time.Second, "the standby has orders", func() bool { return len(w.bought(p.atStandby)) > 50 })
	before := w.shoppers.answered.Load()
	direct := w.metrics(`flashsale_verdicts_total{outcome="ordered",source="direct"}`)
	p.between.refuse()
	w.eventually(60*time.Second, "the primary is ahead", func() bool { return len(w.unknownReceipts(w.bought(p.atStandby))) > 50 })
	were := w.bought(p.atPrimary)
	_ = p.primary.stop(syscall.SIGQUIT)
	time.Sleep(warm)
	l.stop()
	r.pressed = w.shoppers.answered.Load() - before
	if direct = w.metrics(`flashsale_verdicts_total{outcome="ordered",source="direct"}`) - direct; direct > 0 {
		t.Fatalf("%.0f orders were decided directly", direct)
	}
	lost := w.unknownReceipts(w.bought(p.atStandby))
	if r.hits = int64(len(lost)); len(lost) < 50 {
		t.Errorf("only %d receipts were lost; the row proves nothing", len(lost))
	}
	p.promote(w)
	promoted := time.Now()
	w.eventually(90*time.Second, "every receipt is there again", func() bool { return len(w.unknownReceipts(w.bought(p.atStandby))) == 0 })
	r.within(t, "receipts back", time.Since(promoted), 5*time.Second)
	r.note("%d receipts were in the lost tail", len(lost))
	again := w.bought(p.atStandby)
	for id, unit := range were {
		if again[id] != unit {
			t.Errorf("order %s had unit %d and has %d", id, unit, again[id])
		}
	}
	healed := time.Now()
	l = w.pressing(rate)
	time.Sleep(warm)
	l.stop()
	w.settled(healed, 60*time.Second)
	w.kept()
	w.assertOutcomes("503 overloaded", "503 not-bought-retry")
}

// standbyPromotedUnderPresses: a standby that lacks the last orders takes over while shoppers press on. Without the direct path every
// claim is in the log, so the lost ones are decided again before those that came later.
func standbyPromotedUnderPresses(t *testing.T, r *report) {
	p, s := newPair(t, false)
	s.env = []string{"DIRECT_PATH=false"}
	w := newWorld(t, r, s, stock, shopperCount)
	l := w.pressing(rate)
	w.eventually(60*time.Second, "the standby has orders", func() bool { return len(w.bought(p.atStandby)) > 50 })
	before := w.shoppers.answered.Load()
	p.between.refuse()
	w.eventually(60*time.Second, "the primary is ahead", func() bool { return len(w.unknownReceipts(w.bought(p.atStandby))) > 50 })
	_ = p.primary.stop(syscall.SIGQUIT)
	time.Sleep(warm)
	lost := w.unknownReceipts(w.bought(p.atStandby))
	if r.hits = int64(len(lost)); len(lost) < 50 {
		t.Errorf("only %d receipts were lost; the row proves nothing", len(lost))
	}
	p.promote(w)
	promoted := time.Now()
	w.eventually(90*time.Second, "every lost receipt is there again", func() bool {
		again := w.bought(p.atStandby)
		return !slices.ContainsFunc(lost, func(id string) bool { _, ok := again[id]; return !ok })
	})
	r.within(t, "receipts back", time.Since(promoted), 5*time.Second)
	time.Sleep(warm)
	l.stop()
	r.pressed = w.shoppers.answered.Load() - before
	r.note("%d receipts were in the lost tail", len(lost))
	if direct := w.metrics(`flashsale_verdicts_total{outcome="ordered",source="direct"}`); direct > 0 {
		t.Errorf("%.0f orders were decided directly", direct)
	}
	w.settled(promoted, 60*time.Second)
	w.kept()
	w.assertOutcomes("503 overloaded", "503 not-bought-retry")
}

// standbyLost: the standby goes away while commits wait for it, and an operator cancels the waits. Such a commit is visible to
// everybody and can still be lost, so no shopper may be told of it; then the primary is lost too.
func standbyLost(t *testing.T, r *report) {
	p, s := newPair(t, true)
	w := newWorld(t, r, s, stock, shopperCount)
	healed := w.during(rate, func() func() {
		p.between.refuse()
		return func() {
			_ = p.primary.stop(syscall.SIGQUIT)
			time.Sleep(2 * time.Second) // by now every answer is noted
			if broken := w.unknownReceipts(w.bought(p.atStandby)); len(broken) > 0 {
				t.Errorf("%d receipts were given for commits that the standby never had, such as %s", len(broken), broken[0])
			}
			p.promote(w)
		}
	}, func(time.Time) int64 { return p.cancelWaits(t, lasting(10*time.Second, 5*time.Second)) })
	w.settled(healed, 60*time.Second)
	w.kept()
	w.assertOutcomes("503 overloaded", "503 not-bought-retry")
}

// cancelWaits cancels every wait for the standby, again and again, and counts those of the ledger.
func (p *pair) cancelWaits(t *testing.T, long time.Duration) (hits int64) {
	t.Helper()
	for until := time.Now().Add(long); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		asking(t, p.atPrimary, func(ctx context.Context, conn *pgx.Conn) error {
			var n int64
			err := conn.QueryRow(ctx, `SELECT count(*) FILTER (WHERE application_name = 'flashsale ledger')
				FROM (SELECT application_name, pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' OFFSET 0) waits`).Scan(&n)
			hits += n
			return err
		})
	}
	return hits
}
