package ledger

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events"
	"flashsale/events/claimlog"
	eventsoutbox "flashsale/events/outbox"
	"flashsale/migrations"
	"flashsale/sale/saletest"
)

// openOwnLedger is a ledger on a server of its own, whose settings the test may change.
func openOwnLedger(t *testing.T, total int64) *ledgerFixture {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(embeddedtest.OwnDatabaseURL(t))
	if err != nil {
		t.Fatal(err)
	}
	cfg.ConnConfig.RuntimeParams["search_path"] = "own"
	events.WatchNotices(cfg)
	ctx := saletest.Context(t)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if _, err := migrations.Up(ctx, pool, "own"); err != nil {
		t.Fatal(err)
	}
	d := &ledgerFixture{Store: New(pool, saletest.NewStock(pool), eventsoutbox.New(pool, &claimlog.Log{})), pool: pool}
	if _, err := d.EnsureSale(ctx, Defaults{Stock: total}); err != nil {
		t.Fatal(err)
	}
	d.read(t)
	return d
}

// set changes a setting of the server and waits until its sessions have it.
func (d *ledgerFixture) set(t *testing.T, name, value string) {
	t.Helper()
	// The change itself is no transaction that waits for a standby.
	d.exec(t, `ALTER SYSTEM SET `+name+` = '`+value+`'`)
	d.exec(t, `SELECT pg_reload_conf()`)
	saletest.InTime(t, name+" is "+value, func() bool {
		return d.number(t, `SELECT count(*) FROM pg_settings WHERE name = $1 AND setting = $2`, name, value) == 1
	})
}

// A standby that is to confirm every commit is away. What is looked up then may be lost with this server.
func TestALookUpIsProvenByTheStandby(t *testing.T) {
	t.Parallel()
	d := openOwnLedger(t, 5)
	d.set(t, "autovacuum", "off") // it writes when it likes
	bought := d.decide(t, d.claim(1, 1)).Verdicts[0]
	lookups := map[string]func(ctx context.Context) (found int, err error){
		"verdicts": func(ctx context.Context) (int, error) {
			v, err := d.Verdicts(ctx, []uuid.UUID{bought.ClaimID})
			return len(v), err
		},
		"receipts": func(ctx context.Context) (int, error) {
			r, err := d.LiveReceipts(ctx, d.Key, []int64{1})
			return len(r), err
		},
		"orders of a generation": func(ctx context.Context) (int, error) {
			o, err := d.OrdersSince(ctx, d.Key, 0)
			return len(o), err
		},
	}
	all := func(t *testing.T) {
		t.Helper()
		for what, ask := range lookups {
			if n, err := ask(saletest.Context(t)); n != 1 || err != nil {
				t.Errorf("%s: %d, %v", what, n, err)
			}
		}
	}
	before := d.number(t, `SELECT pg_current_xact_id()::text::bigint`)
	all(t)
	if wrote := d.number(t, `SELECT pg_current_xact_id()::text::bigint`) - before - 1; wrote != 0 {
		t.Errorf("without a standby the look-ups write: %d transactions", wrote)
	}
	d.set(t, "synchronous_standby_names", "nobody")
	for what, ask := range lookups {
		t.Run(what, func(t *testing.T) {
			answer := make(chan error, 1)
			ctx := saletest.Context(t)
			go func() { _, err := ask(ctx); answer <- err }()
			d.untilItAsksTheStandby(t, answer)
			// The wait is cancelled, as an operator or a restart does.
			d.exec(t, `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)
			if err := <-answer; !errors.Is(err, events.ErrUnconfirmed) {
				t.Errorf("what no standby has was found, with %v", err)
			}
		})
	}
	d.set(t, "synchronous_standby_names", "")
	all(t)
}

func (d *ledgerFixture) untilItAsksTheStandby(t *testing.T, answer <-chan error) {
	t.Helper()
	for deadline := time.Now().Add(saletest.Patience); ; time.Sleep(time.Millisecond) {
		if d.number(t, `SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`) > 0 {
			return
		}
		select {
		case err := <-answer:
			t.Fatalf("answered without the standby, with %v", err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("it never asked the standby")
		}
	}
}
