package ledger

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events"
	"flashsale/migrations"
	"flashsale/sale/saletest"
)

// openOwnLedger is a ledger on a server of its own, whose settings the test may change.
func openOwnLedger(t *testing.T, units int64) *ledgerFixture {
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
	d := newFixture(t, saletest.OpenOn(t, pool, "own"))
	d.createSale(units)
	return d
}

// set changes a setting of the server and waits until its sessions have it.
func (d *ledgerFixture) set(name, value string) {
	d.t.Helper()
	// ALTER SYSTEM is no transaction, so it does not wait for a standby.
	d.Exec(`ALTER SYSTEM SET ` + name + ` = '` + value + `'`)
	d.Exec(`SELECT pg_reload_conf()`)
	saletest.InTime(d.t, name+" is "+value, func() bool {
		return d.Number(`SELECT count(*) FROM pg_settings WHERE name = $1 AND setting = $2`, name, value) == 1
	})
}

// The synchronous standby is away, so a commit that a look-up sees can be lost with this server.
func TestALookUpIsConfirmedByTheStandby(t *testing.T) {
	t.Parallel()
	d := openOwnLedger(t, 5)
	d.set("autovacuum", "off") // its transactions are counted as well
	ids := []uuid.UUID{d.decideOne(d.claim(1, 1)).ClaimID}
	lookups := map[string]func(ctx context.Context) (found int, err error){
		"verdicts": func(ctx context.Context) (int, error) { v, err := d.Verdicts(ctx, ids); return len(v), err },
		"receipts": func(ctx context.Context) (int, error) {
			r, err := d.LiveReceipts(ctx, d.key, []int64{1})
			return len(r), err
		},
		"orders": func(ctx context.Context) (int, error) { o, err := d.OrdersSince(ctx, d.key, 0); return len(o), err },
	}
	all := func() {
		t.Helper()
		for what, look := range lookups {
			if n, err := look(saletest.Context(t)); n != 1 || err != nil {
				t.Errorf("%s: %d, %v", what, n, err)
			}
		}
	}
	before := d.Number(`SELECT pg_current_xact_id()::text::bigint`)
	all()
	if wrote := d.Number(`SELECT pg_current_xact_id()::text::bigint`) - before - 1; wrote != 0 {
		t.Errorf("without a standby the look-ups write: %d transactions", wrote)
	}
	d.set("synchronous_standby_names", "nobody")
	for what, look := range lookups {
		answer := make(chan error, 1)
		go func() { _, err := look(saletest.Context(t)); answer <- err }()
		saletest.InTime(t, what+" waits for the standby", func() bool {
			if len(answer) > 0 {
				t.Fatalf("%s: an answer without the standby, with %v", what, <-answer)
			}
			return d.Number(`SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`) > 0
		})
		// The wait is cancelled, as an operator or a restart does.
		d.Exec(`SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)
		if err := <-answer; !errors.Is(err, events.ErrUnconfirmed) {
			t.Errorf("%s: found without the standby, with %v", what, err)
		}
	}
	d.set("synchronous_standby_names", "")
	all()
}
