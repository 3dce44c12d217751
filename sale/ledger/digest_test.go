package ledger

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

// digestAll computes the digests that are missing, and says how many there were.
func (d *ledgerFixture) digestAll(t *testing.T) (n int) {
	t.Helper()
	for {
		done, err := d.DigestNext(saletest.Context(t))
		if err != nil {
			t.Fatal(err)
		}
		if done {
			return n
		}
		n++
	}
}

func (d *ledgerFixture) mismatches(t *testing.T) []DigestMismatch {
	t.Helper()
	wrong, _, err := d.DigestCheck(saletest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	return wrong
}

// endedDesk has an ended generation with three orders, one of them cancelled, and a digest.
func endedDesk(t *testing.T) (*ledgerFixture, sale.Key) {
	t.Helper()
	d := openLedger(t, 5)
	made := d.decide(t, d.claims(1, 3)...)
	d.cancel(t, made.Verdicts[2])
	ended := d.Key
	d.begin(t, 5)
	if n := d.digestAll(t); n != 1 {
		t.Fatalf("%d digests, want that of the ended generation", n)
	}
	return d, ended
}

func TestEveryChangeOfAnEndedGenerationIsFound(t *testing.T) {
	t.Parallel()
	d, ended := endedDesk(t)
	if wrong := d.mismatches(t); len(wrong) != 0 {
		t.Fatalf("untouched: %+v", wrong)
	}
	for what, sql := range map[string]string{
		"another shopper":        `UPDATE orders SET user_id = 77 WHERE user_id = 1`,
		"another name":           `UPDATE orders SET username = 'mallory' WHERE user_id = 1`,
		"another unit":           `UPDATE orders SET unit = 77 WHERE user_id = 1`,
		"another attempt":        `UPDATE orders SET attempt = 2 WHERE user_id = 1`,
		"another state":          `UPDATE orders SET state = 'cancelled' WHERE user_id = 1`,
		"another time":           `UPDATE orders SET decided_at = decided_at + interval '1 microsecond' WHERE user_id = 1`,
		"another id":             `UPDATE orders SET id = gen_random_uuid() WHERE user_id = 1`,
		"a release":              `UPDATE orders SET released_at = now() WHERE user_id = 1`,
		"a release taken back":   `UPDATE orders SET released_at = NULL WHERE user_id = 3`,
		"two shoppers exchanged": `UPDATE orders SET unit = 10 - unit WHERE user_id IN (1, 2)`,
		"an order deleted":       `DELETE FROM orders WHERE user_id = 2`,
		"all orders deleted":     `DELETE FROM orders`,
		"an order moved away":    `UPDATE orders SET generation = 2 WHERE user_id = 2`,
		"an order added": `INSERT INTO orders (id, sale_id, generation, user_id, username, unit, attempt, revision, decided_at)
SELECT gen_random_uuid(), sale_id, generation, 9, 'late', 9, 1, 9, now() FROM orders WHERE user_id = 2`,
	} {
		undo := errors.New("undo")
		err := d.try(t, func(tx pgx.Tx) error {
			if tag, err := tx.Exec(t.Context(), sql); err != nil || tag.RowsAffected() == 0 {
				t.Fatalf("%s: %v, %v", what, tag, err)
			}
			found, err := digest(t.Context(), tx, ended)
			if err != nil {
				return err
			}
			var stored string
			if err := tx.QueryRow(t.Context(), `SELECT digest FROM generations WHERE generation = $1`, ended.Generation).Scan(&stored); err != nil {
				return err
			}
			if stored == found {
				t.Errorf("%s: not found", what)
			}
			return undo
		})
		if !errors.Is(err, undo) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	d.exec(t, `UPDATE orders SET unit = 77 WHERE user_id = 1`)
	wrong := d.mismatches(t)
	if len(wrong) != 1 || wrong[0].Key != ended || wrong[0].Stored == wrong[0].Found || wrong[0].Stored == "" {
		t.Errorf("mismatches %+v", wrong)
	}
}

func TestTheDigestIsOfTheEndedGenerationOnly(t *testing.T) {
	t.Parallel()
	d, _ := endedDesk(t)
	other := d.secondSale(t, 5)
	d.decide(t, append(d.claims(1, 5), other.claims(1, 5)...)...)
	if wrong := d.mismatches(t); len(wrong) != 0 {
		t.Errorf("selling on changed the digest of what has ended: %+v", wrong)
	}
	if n := d.digestAll(t); n != 0 {
		t.Errorf("%d digests of generations that have not ended", n)
	}
}

// The generation change does not wait for the digest, so a crash can come between them. Somebody makes up for it.
func TestADigestThatACrashPreventedIsMadeUpFor(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	for range 3 {
		d.decide(t, d.claims(1, 5)...)
		d.begin(t, 5)
	}
	if wrong := d.mismatches(t); len(wrong) != 0 {
		t.Errorf("without digests there is nothing to compare: %+v", wrong)
	}
	if missing := d.number(t, `SELECT count(*) FROM generations WHERE ended_at IS NOT NULL AND digest IS NULL`); missing != 3 {
		t.Fatalf("%d digests missing, want 3: the test shows nothing", missing)
	}
	// All processes see that they are missing; each is computed once.
	var all sync.WaitGroup
	var mu sync.Mutex
	computed := 0
	for range 4 {
		all.Go(func() {
			n := d.digestAll(t)
			mu.Lock()
			defer mu.Unlock()
			computed += n
		})
	}
	all.Wait()
	if n := d.number(t, `SELECT count(*) FROM generations WHERE digest IS NOT NULL`); n != 3 || computed != 3 {
		t.Errorf("%d generations have one, %d were computed", n, computed)
	}
	if wrong := d.mismatches(t); len(wrong) != 0 {
		t.Errorf("mismatches %+v", wrong)
	}
}

// A cancellation is the one change that an ended generation allows. Its digest is made anew.
func TestACancellationInAnEndedGenerationMakesItsDigestAnew(t *testing.T) {
	t.Parallel()
	d, ended := endedDesk(t)
	stored := func() (s string) {
		if err := d.pool.QueryRow(saletest.Context(t), `SELECT coalesce(digest, '') FROM generations WHERE generation = $1`, ended.Generation).Scan(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := stored()
	level := d.level(t)
	d.cancel(t, events.Verdict{ClaimID: sale.ClaimID(d.secret, ended.Generation, 1, 1)})
	if stored() != "" {
		t.Error("the digest of before the cancellation is still there")
	}
	if n := d.digestAll(t); n != 1 || stored() == before {
		t.Errorf("%d digests computed: %q, was %q", n, stored(), before)
	}
	if wrong := d.mismatches(t); len(wrong) != 0 {
		t.Errorf("mismatches %+v", wrong)
	}
	if d.level(t) != level {
		t.Errorf("the present stock became %+v", d.level(t))
	}
	d.audit(t)
}

// While a digest is computed, cancellations wait: an order that changes under the sum would be a mismatch for ever.
func TestACancellationWaitsForTheDigest(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	order := d.one(t, d.claim(1, 1))
	d.begin(t, 5)
	r := openBlockedPair(t, d, func(tx pgx.Tx) error {
		var k sale.Key
		return tx.QueryRow(t.Context(), sqlUndigested).Scan(&k.Sale, &k.Generation)
	}, func(tx pgx.Tx) error {
		_, err := d.CancelTx(t.Context(), tx, order.ClaimID)
		return err
	})
	if n := d.digestAll(t); n != 0 {
		t.Errorf("%d digests although somebody else computes it", n)
	}
	r.commit(t)
	if err := r.second(t); err != nil {
		t.Fatal(err)
	}
	if n := d.digestAll(t); n != 1 || len(d.mismatches(t)) != 0 {
		t.Errorf("%d digests, mismatches %+v", n, d.mismatches(t))
	}
}

// An order of an older generation is cancelled after the check has read the digests and before it reads the orders.
func TestACancellationDuringTheCheckIsNoMismatch(t *testing.T) {
	t.Parallel()
	d, _ := endedDesk(t)
	ctx := saletest.Context(t)
	var id uuid.UUID
	if err := d.pool.QueryRow(ctx, `SELECT id FROM orders WHERE user_id = 1`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	tx, err := d.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := tx.Exec(ctx, `LOCK TABLE orders`); err != nil {
		t.Fatal(err)
	}
	if _, err := d.CancelTx(ctx, tx, id); err != nil {
		t.Fatal(err)
	}
	checked := make(chan error, 1)
	var wrong []DigestMismatch
	var pending []sale.Key
	go func() {
		var err error
		wrong, pending, err = d.DigestCheck(ctx)
		checked <- err
	}()
	for waits := 0; waits == 0 && ctx.Err() == nil; {
		if err := d.pool.QueryRow(ctx, `SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'orders'::regclass`).Scan(&waits); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-checked; err != nil || len(wrong) > 0 || len(pending) > 0 {
		t.Errorf("mismatches %+v, pending %v (%v)", wrong, pending, err)
	}
	if _, pending, err := d.DigestCheck(ctx); err != nil || len(pending) != 1 {
		t.Errorf("afterwards %v are pending (%v)", pending, err)
	}
}
