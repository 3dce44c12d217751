package ledger

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/sale"
	"flashsale/sale/saletest"
)

// openEndedGeneration is a ledger with an ended generation that has three orders, one of them cancelled, and a digest.
func openEndedGeneration(t *testing.T) (*ledgerFixture, sale.Key) {
	t.Helper()
	d := openLedger(t, 5)
	made := d.decide(d.claims(1, 3)...)
	d.cancel(made.Verdicts[2].ClaimID)
	ended := d.key
	d.begin(5)
	if n := d.digestAll(); n != 1 {
		t.Fatalf("%d digests, want that of the ended generation", n)
	}
	return d, ended
}

func TestADigestFindsEveryChangeOfAnEndedGeneration(t *testing.T) {
	t.Parallel()
	d, ended := openEndedGeneration(t)
	if wrong := d.mismatches(); len(wrong) != 0 {
		t.Fatalf("unchanged: %+v", wrong)
	}
	var stored string
	d.Scan([]any{&stored}, `SELECT digest || press_digest FROM generations WHERE generation = $1`, ended.Generation)
	for what, sql := range map[string]string{
		"another shopper":        `UPDATE orders SET user_id = 77 WHERE user_id = 1`,
		"another name":           `UPDATE orders SET username = 'another' WHERE user_id = 1`,
		"another unit":           `UPDATE orders SET unit = 77 WHERE user_id = 1`,
		"another attempt":        `UPDATE orders SET attempt = 2 WHERE user_id = 1`,
		"another state":          `UPDATE orders SET state = 'cancelled' WHERE user_id = 1`,
		"another time":           `UPDATE orders SET decided_at = decided_at + interval '1 microsecond' WHERE user_id = 1`,
		"another press":          `UPDATE orders SET pressed_at = pressed_at + interval '1 microsecond' WHERE user_id = 1`,
		"a press forgotten":      `UPDATE orders SET pressed_at = NULL WHERE user_id = 1`,
		"presses exchanged":      `UPDATE orders SET pressed_at = decided_at - user_id * interval '1 second'`,
		"another id":             `UPDATE orders SET id = gen_random_uuid() WHERE user_id = 1`,
		"a release":              `UPDATE orders SET released_at = now() WHERE user_id = 1`,
		"a release undone":       `UPDATE orders SET released_at = NULL WHERE user_id = 3`,
		"two shoppers exchanged": `UPDATE orders SET unit = 10 - unit WHERE user_id IN (1, 2)`,
		"an order deleted":       `DELETE FROM orders WHERE user_id = 2`,
		"all orders deleted":     `DELETE FROM orders`,
		"an order moved away":    `UPDATE orders SET generation = 2 WHERE user_id = 2`,
		"an order added": `INSERT INTO orders (id, sale_id, generation, user_id, username, unit, attempt, revision, decided_at)
SELECT gen_random_uuid(), sale_id, generation, 9, 'late', 9, 1, 9, now() FROM orders WHERE user_id = 2`,
	} {
		undo := errors.New("undo")
		err := d.Try(func(tx pgx.Tx) error {
			if tag, err := tx.Exec(t.Context(), sql); err != nil || tag.RowsAffected() == 0 {
				t.Fatalf("%s: %v, %v", what, tag, err)
			}
			rows, presses, err := digest(t.Context(), tx, ended)
			if err != nil {
				return err
			}
			if rows+presses == stored {
				t.Errorf("%s: not found", what)
			}
			return undo
		})
		if !errors.Is(err, undo) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	d.Exec(`UPDATE orders SET unit = 77 WHERE user_id = 1`)
	wrong := d.mismatches()
	if len(wrong) != 1 || wrong[0].Key != ended || wrong[0].Stored == wrong[0].Found || wrong[0].Stored == "" {
		t.Errorf("mismatches %+v", wrong)
	}
}

func TestADigestIsOfItsGenerationOnly(t *testing.T) {
	t.Parallel()
	d, _ := openEndedGeneration(t)
	other := d.secondSale(5)
	d.decide(append(d.claims(1, 5), other.claims(1, 5)...)...)
	if wrong := d.mismatches(); len(wrong) != 0 {
		t.Errorf("orders of other generations changed the digest: %+v", wrong)
	}
	if n := d.digestAll(); n != 0 {
		t.Errorf("%d digests of generations that have not ended", n)
	}
}

// A process of the version before has digested an ended generation, without the presses. Its digest stays and is compared; the
// one of the presses is added.
func TestADigestOfTheVersionBeforeIsCompleted(t *testing.T) {
	t.Parallel()
	d, ended := openEndedGeneration(t)
	stored := func() (s string) {
		d.Scan([]any{&s}, `SELECT digest FROM generations WHERE generation = $1`, ended.Generation)
		return s
	}
	before := stored()
	d.Exec(`UPDATE orders SET pressed_at = NULL`) // a column that the version before does not know
	d.Exec(`UPDATE generations SET press_digest = NULL`)
	if _, pending, err := d.digestCheck(saletest.Context(t)); err != nil || len(pending) != 1 {
		t.Errorf("%v are pending (%v)", pending, err)
	}
	if n := d.digestAll(); n != 1 || stored() != before || len(d.mismatches()) != 0 {
		t.Errorf("%d digests, %q was %q, mismatches %+v", n, stored(), before, d.mismatches())
	}
}

// A new generation begins before the digest of the old one is computed, and the process may end between the two.
func TestMissingDigestsAreComputedOnceByAnyProcess(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	for range 3 {
		d.decide(d.claims(1, 5)...)
		d.begin(5)
	}
	if wrong := d.mismatches(); len(wrong) != 0 {
		t.Errorf("generations without digests: %+v", wrong)
	}
	if missing := d.Number(`SELECT count(*) FROM generations WHERE ended_at IS NOT NULL AND digest IS NULL`); missing != 3 {
		t.Fatalf("%d digests missing, want 3: this test shows nothing", missing)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	computed := 0
	for range 4 {
		all.Go(func() {
			n := d.digestAll()
			mu.Lock()
			defer mu.Unlock()
			computed += n
		})
	}
	all.Wait()
	if n := d.Number(`SELECT count(*) FROM generations WHERE digest IS NOT NULL`); n != 3 || computed != 3 {
		t.Errorf("%d generations have one, %d were computed", n, computed)
	}
	if wrong := d.mismatches(); len(wrong) != 0 {
		t.Errorf("mismatches %+v", wrong)
	}
}

// It is the only change of an ended generation that is allowed.
func TestACancelInAnEndedGenerationRemovesItsDigest(t *testing.T) {
	t.Parallel()
	d, ended := openEndedGeneration(t)
	stored := func() (s string) {
		d.Scan([]any{&s}, `SELECT coalesce(digest, '') FROM generations WHERE generation = $1`, ended.Generation)
		return s
	}
	before := stored()
	level := d.level()
	d.cancel(d.claimIn(ended.Generation, 1, 1).ID)
	if stored() != "" {
		t.Error("the digest from before the cancel is still there")
	}
	if n := d.digestAll(); n != 1 || stored() == before {
		t.Errorf("%d digests computed: %q, was %q", n, stored(), before)
	}
	if wrong := d.mismatches(); len(wrong) != 0 {
		t.Errorf("mismatches %+v", wrong)
	}
	if d.level() != level {
		t.Errorf("the present stock became %+v", d.level())
	}
	d.verify()
}

// An order that changes while the digest is computed makes it wrong for ever.
func TestACancelWaitsForTheDigest(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	order := d.decideOne(d.claim(1, 1))
	d.begin(5)
	p := openBlockedPair(d, func(tx pgx.Tx) error {
		var k sale.Key
		return tx.QueryRow(t.Context(), sqlUndigested).Scan(&k.Sale, &k.Generation)
	}, func(tx pgx.Tx) error {
		_, err := d.CancelTx(t.Context(), tx, order.ClaimID)
		return err
	})
	if n := d.digestAll(); n != 0 {
		t.Errorf("%d digests although another transaction computes it", n)
	}
	p.commit()
	d.Must(p.second())
	if n := d.digestAll(); n != 1 || len(d.mismatches()) != 0 {
		t.Errorf("%d digests, mismatches %+v", n, d.mismatches())
	}
}

// An order of an older generation is cancelled after the check has read the digests and before it reads the orders.
func TestACancelDuringTheCheckIsNoMismatch(t *testing.T) {
	t.Parallel()
	d, _ := openEndedGeneration(t)
	ctx := saletest.Context(t)
	var id uuid.UUID
	d.Scan([]any{&id}, `SELECT id FROM orders WHERE user_id = 1`)
	type result struct {
		differ  []DigestMismatch
		pending []sale.Key
		err     error
	}
	checked := make(chan result, 1)
	d.Do(func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `LOCK TABLE orders`); err != nil {
			return err
		}
		if _, err := d.CancelTx(ctx, tx, id); err != nil {
			return err
		}
		go func() {
			differ, pending, err := d.digestCheck(ctx)
			checked <- result{differ, pending, err}
		}()
		saletest.InTime(t, "the check waits for the orders", func() bool {
			return d.Number(`SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'orders'::regclass`) > 0
		})
		return nil
	})
	if r := <-checked; r.err != nil || len(r.differ) > 0 || len(r.pending) > 0 {
		t.Errorf("mismatches %+v, pending %v (%v)", r.differ, r.pending, r.err)
	}
	if _, pending, err := d.digestCheck(ctx); err != nil || len(pending) != 1 {
		t.Errorf("afterwards %v are pending (%v)", pending, err)
	}
}
