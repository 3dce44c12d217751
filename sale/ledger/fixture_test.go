package ledger

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

// ledgerFixture is a ledger on a database of the test's own, and the generation of one of its sales.
type ledgerFixture struct {
	*Store
	*saletest.Database
	t      testing.TB
	slug   string
	key    sale.Key // of the generation that was the present one at the last call of read or begin
	secret []byte
	// partition is that of the sale.
	partition int
}

// openEmptyLedger is a ledger without a sale.
func openEmptyLedger(t testing.TB) *ledgerFixture {
	t.Helper()
	return newFixture(t, saletest.Open(t))
}

// openLedger is a ledger whose sale is open and has so many units.
func openLedger(t testing.TB, units int64) *ledgerFixture {
	t.Helper()
	d := openEmptyLedger(t)
	d.createSale(units)
	return d
}

func newFixture(t testing.TB, d *saletest.Database) *ledgerFixture {
	return &ledgerFixture{Store: New(d.Pool, d.Stock, d.Outbox), Database: d, t: t, slug: firstSlug}
}

func (d *ledgerFixture) createSale(units int64) {
	d.t.Helper()
	if created, err := d.EnsureSale(saletest.Context(d.t), Defaults{Stock: units}); err != nil || !created {
		d.t.Fatalf("EnsureSale: %v, %v", created, err)
	}
	d.read()
}

// read makes the sale's present generation that of the fixture.
func (d *ledgerFixture) read() {
	d.t.Helper()
	d.key, d.secret = d.Sale(d.slug)
	d.partition = d.Partition(d.slug)
}

// secondSale adds a copy of the sale with so many units, and is a fixture of it on the same ledger.
func (d *ledgerFixture) secondSale(units int64) *ledgerFixture {
	d.t.Helper()
	other := *d
	other.slug = "other"
	d.CopySale(other.slug, d.slug)
	other.read()
	d.Exec(`UPDATE generations SET total = $1 WHERE sale_id = $2`, units, other.key.Sale)
	d.Exec(`UPDATE stock SET total = $1 WHERE sale_id = $2`, units, other.key.Sale)
	return &other
}

func (d *ledgerFixture) state() sale.State {
	d.t.Helper()
	return d.State(d.slug)
}

func (d *ledgerFixture) level() sale.Level {
	d.t.Helper()
	return d.Level(d.key)
}

// claim is the claim of a shopper in the fixture's generation.
func (d *ledgerFixture) claim(user int64, attempt int) events.Claim {
	return d.claimIn(d.key.Generation, user, attempt)
}

func (d *ledgerFixture) claimIn(generation, user int64, attempt int) events.Claim {
	c := saletest.Claim(sale.Key{Sale: d.key.Sale, Generation: generation}, user, attempt)
	c.ID, c.Partition, c.PressedAt = sale.ClaimID(d.secret, generation, user, attempt), d.partition, time.Now()
	return c
}

// claims are the first attempts of the shoppers from..to.
func (d *ledgerFixture) claims(from, to int64) []events.Claim {
	claims := make([]events.Claim, 0, to-from+1)
	for u := from; u <= to; u++ {
		claims = append(claims, d.claim(u, 1))
	}
	return claims
}

// decide commits the decision on claims of the log.
func (d *ledgerFixture) decide(claims ...events.Claim) events.Decision {
	d.t.Helper()
	return d.decideFrom(events.FromLog, claims...)
}

func (d *ledgerFixture) decideFrom(src events.Source, claims ...events.Claim) (made events.Decision) {
	d.t.Helper()
	d.Do(func(tx pgx.Tx) (err error) {
		made, err = d.DecideTx(saletest.Context(d.t), tx, src, claims)
		return err
	})
	return made
}

// decideOne commits the decision on one claim, and is its verdict.
func (d *ledgerFixture) decideOne(c events.Claim) events.Verdict {
	d.t.Helper()
	return d.decide(c).Verdicts[0]
}

// tryDecide is the error of a decision, which is rolled back then.
func (d *ledgerFixture) tryDecide(claims ...events.Claim) error {
	return d.Try(func(tx pgx.Tx) error {
		_, err := d.DecideTx(saletest.Context(d.t), tx, events.FromLog, claims)
		return err
	})
}

// decline commits DeclineTx.
func (d *ledgerFixture) decline(c events.Claim) (v events.Verdict) {
	d.t.Helper()
	d.Do(func(tx pgx.Tx) (err error) {
		v, err = d.DeclineTx(saletest.Context(d.t), tx, c, events.ReasonUndecidable)
		return err
	})
	return v
}

// act commits what an operator does with the sale.
func (d *ledgerFixture) act(do func(ctx context.Context, tx pgx.Tx, slug string) error) {
	d.t.Helper()
	d.Must(d.tryAct(do))
}

func (d *ledgerFixture) tryAct(do func(ctx context.Context, tx pgx.Tx, slug string) error) error {
	return d.Try(func(tx pgx.Tx) error { return do(saletest.Context(d.t), tx, d.slug) })
}

func (d *ledgerFixture) tryAmend(a sale.Amendment) error {
	return d.tryAct(func(ctx context.Context, tx pgx.Tx, slug string) error { return d.AmendTx(ctx, tx, slug, a) })
}

func (d *ledgerFixture) trySetTotal(total int64) error {
	return d.tryAct(func(ctx context.Context, tx pgx.Tx, slug string) error {
		_, err := d.SetTotalTx(ctx, tx, slug, total)
		return err
	})
}

// begin commits a new generation, which becomes that of the fixture.
func (d *ledgerFixture) begin(total int64) sale.Level {
	d.t.Helper()
	level, err := d.tryBegin(total)
	d.Must(err)
	d.read()
	return level
}

func (d *ledgerFixture) tryBegin(total int64) (level sale.Level, err error) {
	err = d.tryAct(func(ctx context.Context, tx pgx.Tx, slug string) (err error) {
		level, err = d.BeginGenerationTx(ctx, tx, slug, total)
		return err
	})
	return level, err
}

func (d *ledgerFixture) cancel(order uuid.UUID) sale.Receipt {
	d.t.Helper()
	r, err := d.tryCancel(order)
	d.Must(err)
	return r
}

func (d *ledgerFixture) tryCancel(order uuid.UUID) (r sale.Receipt, err error) {
	err = d.Try(func(tx pgx.Tx) error {
		r, err = d.CancelTx(saletest.Context(d.t), tx, order)
		return err
	})
	return r, err
}

// locked is what LockSaleTx reads. "" means the current sale.
func (d *ledgerFixture) locked(slug string) (s sale.Snapshot) {
	d.t.Helper()
	d.Do(func(tx pgx.Tx) (err error) {
		s, err = d.LockSaleTx(saletest.Context(d.t), tx, slug)
		return err
	})
	return s
}

// digestAll computes the digests that are missing, and says how many there were.
func (d *ledgerFixture) digestAll() (n int) {
	d.t.Helper()
	for {
		done, err := d.DigestNext(saletest.Context(d.t))
		d.Must(err)
		if done {
			return n
		}
		n++
	}
}

// digestCheck compares the digests in one snapshot, as verify does.
func (d *ledgerFixture) digestCheck(ctx context.Context) (differ []DigestMismatch, pending []sale.Key, err error) {
	moment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, d.Pool, moment, func(tx pgx.Tx) error {
		differ, pending, err = d.DigestCheckTx(ctx, tx)
		return err
	})
	return differ, pending, err
}

func (d *ledgerFixture) mismatches() []DigestMismatch {
	d.t.Helper()
	differ, _, err := d.digestCheck(saletest.Context(d.t))
	d.Must(err)
	return differ
}

// verify checks the tables, and that no ended generation has changed since its digest.
func (d *ledgerFixture) verify() {
	d.t.Helper()
	d.Verify()
	if differ := d.mismatches(); len(differ) > 0 {
		d.t.Errorf("generations that differ from their digests: %+v", differ)
	}
}

// DecideTx is a whole decision within the caller's transaction.
func (s *Store) DecideTx(ctx context.Context, tx pgx.Tx, src events.Source, claims []events.Claim) (events.Decision, error) {
	return saletest.Decide(ctx, tx, s.Prepare, src, claims)
}
