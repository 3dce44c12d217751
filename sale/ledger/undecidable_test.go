package ledger

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"flashsale/events"
	"flashsale/sale"
)

// The consumer sees an SQLSTATE that no retry can change, and declines this claim alone.
func TestAClaimThatMakesTheStatementsFailIsDeclined(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	shopper := int64(0)
	for what, c := range map[string]struct {
		spoil  func(c *events.Claim)
		class  string // of the SQLSTATE
		stored string // the username
	}{
		"NUL in the username":                  {func(c *events.Claim) { c.Username = "a\x00b" }, "22", "ab"},
		"a username that is not UTF-8":         {func(c *events.Claim) { c.Username = "a\xff\xfeb" }, "22", "ab"},
		"NUL in the trace context":             {func(c *events.Claim) { c.Traceparent = "00-\x00" }, "22", "shopper"},
		"a trace context that is not UTF-8":    {func(c *events.Claim) { c.Traceparent = "00-\xc3" }, "22", "shopper"},
		"an attempt below the first one, zero": {func(c *events.Claim) { c.Attempt = 0; c.ID = sale.ClaimID(d.secret, c.Generation, c.UserID, 0) }, "23", "shopper"},
	} {
		shopper++
		claim := d.claim(shopper, 1)
		c.spoil(&claim)
		err := d.tryDecide(claim)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || !strings.HasPrefix(refused.Code, c.class) {
			t.Fatalf("%s: DecideTx: %v, want SQLSTATE %sxxx", what, err, c.class)
		}
		v := d.decline(claim)
		if !v.Fresh || v.Outcome != events.Declined || v.Reason != events.ReasonUndecidable || v.ClaimID != claim.ID {
			t.Errorf("%s: declined: %+v", what, v)
		}
		again := d.decline(claim)
		if again.Fresh || again.Reason != v.Reason || !again.At.Equal(v.At) || v.Username != c.stored || again.Username != c.stored {
			t.Errorf("%s: declined again: %+v, was %+v", what, again, v)
		}
	}
	d.verify()
}

func TestTheDeclineOfAnUndecidableClaimIsAnnouncedOnce(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	claim := d.claim(1, 1)
	claim.Username, claim.Traceparent = "a\x00b", "00-trace-01"
	before := d.PostedCount()
	d.decline(claim)
	d.decline(claim)
	messages := d.Posted(before)
	if len(messages) != 1 || messages[0].Type != events.TypeClaimDeclined || messages[0].Subject != claim.ID.String() ||
		messages[0].Traceparent != claim.Traceparent || messages[0].Data["reason"] != string(events.ReasonUndecidable) {
		t.Errorf("messages %+v", messages)
	}
}

func TestAnUndecidableCopyOfADecidedClaimChangesNoVerdict(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	won, lost := d.decideOne(d.claim(1, 1)), d.decideOne(d.claim(2, 1))
	before := d.PostedCount()
	for _, want := range []events.Verdict{won, lost} {
		claim := d.claim(want.UserID, 1)
		claim.Username = "\x00"
		got := d.decline(claim)
		if got.Fresh || got.Outcome != want.Outcome || got.Reason != want.Reason || got.Unit != want.Unit {
			t.Errorf("%+v, was %+v", got, want)
		}
	}
	if n := d.PostedCount(); n != before {
		t.Errorf("%d messages", n-before)
	}
	d.verify()
}

func TestDeclineTxWaitsForADecision(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	claim := d.claim(1, 1)
	undecidable := claim
	undecidable.Username = "\x00"
	p := openBlockedPair(d, func(tx pgx.Tx) error {
		_, err := d.DecideTx(t.Context(), tx, events.FromLog, []events.Claim{claim})
		return err
	}, func(tx pgx.Tx) error {
		v, err := d.DeclineTx(t.Context(), tx, undecidable, events.ReasonUndecidable)
		if v.Outcome != events.Ordered {
			t.Errorf("declined although it was ordered before: %+v", v)
		}
		return err
	})
	p.commit()
	d.Must(p.second())
}
