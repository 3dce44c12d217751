package events

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"flashsale/app/embedded/embeddedtest"
)

func TestFollowerWhoseCommitReplyIsLostTellsTheVerdicts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, address := newProxy(t, embeddedtest.DatabaseURL(t))
	l := w.ledgerOn(w.newPool(address), LedgerConfig{})
	claims := newClaims(5)
	w.append(0, append(claims, newClose())...)
	p.lose.Store(1)
	w.follow(l, 0)
	w.reaches(w.ledger(LedgerConfig{}), 0, 6)
	for _, c := range claims {
		w.eventually("everybody is told", func() bool { return len(w.shop.told(c.ID)) == 1 })
	}
	w.eventually("the close is told", func() bool { return len(w.shop.closed()) == 1 })
	if p.lost.Load() != 1 {
		t.Fatal("no reply was lost; the test shows nothing")
	}
	if n := w.count(`SELECT count(*) FROM shop`); n != 5 {
		t.Errorf("%d verdicts for 5 claims", n)
	}
}

func TestDirectDecisionWhoseCommitReplyIsLostIsFoundAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, address := newProxy(t, embeddedtest.DatabaseURL(t))
	l := w.ledgerOn(w.newPool(address), LedgerConfig{})
	p.lose.Store(1)
	claims := newClaims(3)
	verdicts, err := l.Decide(t.Context(), claims)
	if err != nil || len(verdicts) != 3 || verdicts[0].Outcome != Ordered {
		t.Fatalf("got %+v (%v)", verdicts, err)
	}
	if p.lost.Load() != 1 {
		t.Fatal("no reply was lost; the test shows nothing")
	}
	if n := w.count(`SELECT count(*) FROM shop`); n != 3 {
		t.Errorf("%d verdicts for 3 claims", n)
	}
}

func TestDirectDecisionThatStaysUnknownIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, address := newProxy(t, embeddedtest.DatabaseURL(t))
	l := w.ledgerOn(w.newPool(address), LedgerConfig{})
	p.lose.Store(2)
	claim := newClaim(1)
	if v, err := l.Decide(t.Context(), []Claim{claim}); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %+v (%v), want an error", v, err)
	}
	if told := w.shop.told(claim.ID); len(told) != 0 {
		t.Errorf("it was told %+v", told)
	}
}

// warnOnCommit makes Postgres answer the next commits that touch the shop with a warning, as it does when the wait for
// a synchronous standby is cancelled.
func warnOnCommit(w *world, times int) {
	w.Helper()
	_, err := w.pool.Exec(w.Context(), `
		CREATE SEQUENCE warned;
		CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS $f$
		BEGIN
			IF nextval('warned') <= `+string(rune('0'+times))+` THEN
				RAISE WARNING 'canceling wait for synchronous replication due to user request';
			END IF;
			RETURN NULL;
		END $f$;
		CREATE CONSTRAINT TRIGGER warn AFTER INSERT ON shop DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW EXECUTE FUNCTION warn()`)
	if err != nil {
		w.Fatal(err)
	}
}

func TestACommitWithAWarningIsUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	warnOnCommit(w, 1)
	put := func() error {
		return Transact(t.Context(), w.pool, func(tx pgx.Tx) error {
			_, err := w.shop.put(t.Context(), tx, newClaim(1), Ordered, "")
			return err
		})
	}
	if err := put(); !errors.Is(err, ErrUnknown) {
		t.Errorf("a commit with a warning gave %v", err)
	}
	if err := put(); err != nil {
		t.Errorf("the connection still remembers the warning: %v", err)
	}
}

func TestAWarnedBatchIsToldOnlyWhenItIsProven(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	warnOnCommit(w, 2)
	l := w.ledger(LedgerConfig{})
	claims := newClaims(2)
	w.append(0, claims...)
	w.follow(l, 0)
	w.eventually("it is told", func() bool { return len(w.shop.told(claims[1].ID)) == 1 })
	if v := w.shop.told(claims[0].ID)[0]; v.Fresh {
		t.Error("it was told by the commit that warned, not after reading again")
	}
}

func TestDirectDecisionWithAWarningIsProvenByASecondCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	warnOnCommit(w, 1)
	verdicts, err := w.ledger(LedgerConfig{}).Decide(t.Context(), newClaims(1))
	if err != nil || len(verdicts) != 1 || verdicts[0].Fresh {
		t.Errorf("got %+v (%v), want a verdict that was read again", verdicts, err)
	}
}

func TestTransactionLeavesNothingBehindWhenItFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	failure := errors.New("no")
	insert := func(tx pgx.Tx) {
		if _, err := tx.Exec(ctx, `INSERT INTO processes (id) VALUES ('x')`); err != nil {
			t.Error(err)
		}
	}
	if err := Transact(ctx, w.pool, func(tx pgx.Tx) error { insert(tx); return failure }); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	begin := func(f *Fence) error {
		tr := NewTransaction(w.pool, f)
		defer tr.End(ctx)
		_, err := tr.Begin(ctx)
		return err
	}
	if err := begin(&Fence{SQL: `UPDATE processes SET seen_at = now() WHERE id = $1`, Args: []any{"nobody"}}); !errors.Is(err, ErrFenced) {
		t.Errorf("a fence without a row gave %v", err)
	}
	if err := begin(&Fence{SQL: `UPDATE nothing_there SET x = 1`}); err == nil || errors.Is(err, ErrUnknown) {
		t.Errorf("a broken fence gave %v", err)
	}
	if n := w.count(`SELECT count(*) FROM processes`); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	cancelled, cancel := context.WithCancel(ctx)
	err := Transact(cancelled, w.pool, func(tx pgx.Tx) error { insert(tx); cancel(); return nil })
	if err == nil {
		t.Error("a commit under a cancelled context succeeded")
	}
}

func TestDeferredConstraintIsARefusalNotAnUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.pool.Exec(t.Context(), `CREATE TABLE once (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)`); err != nil {
		t.Fatal(err)
	}
	err := Transact(t.Context(), w.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO once VALUES (1), (1)`)
		return err
	})
	if errors.Is(err, ErrUnknown) || !permanent(err) {
		t.Errorf("got %v", err)
	}
}

func TestOnlyBadDataAndConstraintsArePermanent(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{
		"22001": true, "22P05": true, "23505": true, "23514": true,
		"40001": false, "40P01": false, "55P03": false, "57014": false, "57P01": false, "08006": false, "42P01": false, "53300": false,
	} {
		if got := permanent(&pgconn.PgError{Code: code}); got != want {
			t.Errorf("%s: permanent is %v", code, got)
		}
	}
	if permanent(errors.New("other")) || permanent(nil) {
		t.Error("what is not Postgres' answer is called permanent")
	}
}

func TestLedgerPoolSettingsAreInForce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, want := range map[string]string{
		"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "statement_timeout": "4s", "lock_timeout": "3s",
		"idle_in_transaction_session_timeout": "6s", "jit": "off",
	} {
		var got string
		if err := w.pool.QueryRow(t.Context(), `SELECT current_setting($1)`, name).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", name, got, err, want)
		}
	}
}

func TestAWarningWhileSomethingIsDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn, err := w.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	run := func(sql string) error {
		return Confirmed(conn.Conn(), func() error { _, err := conn.Exec(t.Context(), sql); return err })
	}
	if err := run(`DO $$ BEGIN RAISE WARNING 'not confirmed'; END $$`); !errors.Is(err, ErrUnconfirmed) {
		t.Errorf("a warning gave %v", err)
	}
	if err := run(`DO $$ BEGIN RAISE NOTICE 'by the way'; END $$`); err != nil {
		t.Errorf("a notice after a warning gave %v", err)
	}
	if err := run(`no SQL`); err == nil || errors.Is(err, ErrUnconfirmed) {
		t.Errorf("a failure gave %v", err)
	}
}
