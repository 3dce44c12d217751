package consumer

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events"
	"flashsale/events/eventstest"
)

func TestAFollowerWhoseCommitReplyIsLostReportsTheVerdicts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, address := eventstest.NewProxy(t, embeddedtest.DatabaseURL(t))
	l := w.ledgerOn(w.NewPool(address), Config{})
	claims := eventstest.NewClaims(5)
	w.append(0, append(claims, eventstest.NewClose())...)
	p.Lose.Store(1)
	w.follow(l, 0)
	w.reaches(w.ledger(Config{}), 0, 6)
	for _, c := range claims {
		w.Eventually("everybody is told", func() bool { return len(w.shop.Told(c.ID)) == 1 })
	}
	w.Eventually("the close is told", func() bool { return len(w.shop.Closed()) == 1 })
	if p.Lost.Load() != 1 {
		t.Fatal("no reply was lost; the test shows nothing")
	}
	if n := w.Count(`SELECT count(*) FROM shop`); n != 5 {
		t.Errorf("%d verdicts for 5 claims", n)
	}
}

func TestDirectDecisionWhoseCommitReplyIsLostIsFoundAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, address := eventstest.NewProxy(t, embeddedtest.DatabaseURL(t))
	l := w.ledgerOn(w.NewPool(address), Config{})
	p.Lose.Store(1)
	claims := eventstest.NewClaims(3)
	verdicts, err := l.Decide(t.Context(), claims)
	if err != nil || len(verdicts) != 3 || verdicts[0].Outcome != events.Ordered {
		t.Fatalf("got %+v (%v)", verdicts, err)
	}
	if p.Lost.Load() != 1 {
		t.Fatal("no reply was lost; the test shows nothing")
	}
	if n := w.Count(`SELECT count(*) FROM shop`); n != 3 {
		t.Errorf("%d verdicts for 3 claims", n)
	}
}

func TestDirectDecisionThatStaysUnknownIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, address := eventstest.NewProxy(t, embeddedtest.DatabaseURL(t))
	l := w.ledgerOn(w.NewPool(address), Config{})
	p.Lose.Store(2)
	claim := eventstest.NewClaim(1)
	if v, err := l.Decide(t.Context(), []events.Claim{claim}); !errors.Is(err, events.ErrUnknown) {
		t.Errorf("got %+v (%v), want an error", v, err)
	}
	if told := w.shop.Told(claim.ID); len(told) != 0 {
		t.Errorf("it was told %+v", told)
	}
}

// warnOnCommit makes Postgres answer the next commits that write to the shop with a warning, as it does when the wait
// for a synchronous standby is cancelled.
func warnOnCommit(w *world, times int) {
	w.Helper()
	_, err := w.Pool.Exec(w.Context(), `
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

func TestABatchWithAWarningIsReportedOnlyWhenItIsProven(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	warnOnCommit(w, 2)
	l := w.ledger(Config{})
	claims := eventstest.NewClaims(2)
	w.append(0, claims...)
	w.follow(l, 0)
	w.Eventually("it is told", func() bool { return len(w.shop.Told(claims[1].ID)) == 1 })
	if v := w.shop.Told(claims[0].ID)[0]; v.Fresh {
		t.Error("it was told by the commit that warned, not after reading again")
	}
}

func TestDirectDecisionWithAWarningIsProvenByASecondCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	warnOnCommit(w, 1)
	verdicts, err := w.ledger(Config{}).Decide(t.Context(), eventstest.NewClaims(1))
	if err != nil || len(verdicts) != 1 || verdicts[0].Fresh {
		t.Errorf("got %+v (%v), want a verdict that was read again", verdicts, err)
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
		if err := w.Pool.QueryRow(t.Context(), `SELECT current_setting($1)`, name).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", name, got, err, want)
		}
	}
}
