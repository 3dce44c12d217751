package ledger

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

func (d *ledgerFixture) decline(t *testing.T, c events.Claim) (v events.Verdict) {
	t.Helper()
	d.do(t, func(tx pgx.Tx) (err error) {
		v, err = d.DeclineTx(t.Context(), tx, c, events.ReasonUndecidable)
		return err
	})
	return v
}

// What makes the statements fail is for the log's reader to see: an SQLSTATE that no retry can change. The claim
// alone is declined then, and its shopper hears.
func TestAClaimThatNoStatementTakesIsDeclined(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	shopper := int64(0)
	for name, c := range map[string]struct {
		spoil func(c *events.Claim)
		class string
	}{
		"NUL in the username":           {func(c *events.Claim) { c.Username = "a\x00b" }, "22"},
		"bytes that are not UTF-8":      {func(c *events.Claim) { c.Username = "a\xff\xfeb" }, "22"},
		"NUL in the trace context":      {func(c *events.Claim) { c.Traceparent = "00-\x00" }, "22"},
		"trace context that is no text": {func(c *events.Claim) { c.Traceparent = "00-\xc3" }, "22"},
		"no attempt at all":             {func(c *events.Claim) { c.Attempt = 0 }, "23"},
	} {
		shopper++
		claim := d.claim(shopper, 1)
		c.spoil(&claim)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := d.try(t, func(tx pgx.Tx) error {
				_, err := d.DecideTx(t.Context(), tx, events.FromLog, []events.Claim{claim})
				return err
			})
			var refused *pgconn.PgError
			if !errors.As(err, &refused) || !strings.HasPrefix(refused.Code, c.class) {
				t.Fatalf("DecideTx: %v, want SQLSTATE %sxxx", err, c.class)
			}
			v := d.decline(t, claim)
			if !v.Fresh || v.Outcome != events.Declined || v.Reason != events.ReasonUndecidable || v.ClaimID != claim.ID {
				t.Errorf("declined: %+v", v)
			}
			again := d.decline(t, claim)
			if v.Fresh = false; again.Fresh || again.Reason != v.Reason || !again.At.Equal(v.At) || again.Username != v.Username {
				t.Errorf("declined again: %+v, was %+v", again, v)
			}
		})
	}
}

func TestADeclineOfAnUndecidableClaimIsPublished(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	claim := d.claim(1, 1)
	claim.Username, claim.Traceparent = "a\x00b", "00-trace-01"
	before := d.outboxRows(t)
	d.decline(t, claim)
	d.decline(t, claim)
	told := d.posted(t, before)
	if len(told) != 1 || told[0].Type != events.TypeClaimDeclined || told[0].Subject != claim.ID.String() ||
		told[0].Traceparent != claim.Traceparent || told[0].Data["reason"] != string(events.ReasonUndecidable) {
		t.Errorf("published %+v", told)
	}
}

// A claim that has its verdict keeps it, however unreadable a later copy of it is.
func TestAnUndecidableCopyChangesNoVerdict(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	won, lost := d.one(t, d.claim(1, 1)), d.one(t, d.claim(2, 1))
	before := d.outboxRows(t)
	for _, want := range []events.Verdict{won, lost} {
		claim := d.claim(want.UserID, 1)
		claim.Username = "\x00"
		got := d.decline(t, claim)
		if got.Fresh || got.Outcome != want.Outcome || got.Reason != want.Reason || got.Unit != want.Unit {
			t.Errorf("%+v, was %+v", got, want)
		}
	}
	if n := d.outboxRows(t); n != before {
		t.Errorf("%d messages about nothing", n-before)
	}
	d.audit(t)
}

func TestAnUndecidableClaimWaitsForTheDecisionUnderWay(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	claim := d.claim(1, 1)
	unreadable := claim
	unreadable.Username = "\x00"
	r := openBlockedPair(t, d, func(tx pgx.Tx) error {
		_, err := d.DecideTx(t.Context(), tx, events.FromLog, []events.Claim{claim})
		return err
	}, func(tx pgx.Tx) error {
		v, err := d.DeclineTx(t.Context(), tx, unreadable, events.ReasonUndecidable)
		if v.Outcome != events.Ordered {
			t.Errorf("declined although it was ordered before: %+v", v)
		}
		return err
	})
	r.commit(t)
	if err := r.second(t); err != nil {
		t.Error(err)
	}
}

func TestADeclineForASaleThatDoesNotExist(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	claim := saletest.Claim(sale.Key{Sale: d.Sale + 50, Generation: 1}, 1, 1)
	claim.Username = "\x00"
	if v := d.decline(t, claim); !v.Fresh || v.Reason != events.ReasonUndecidable {
		t.Errorf("%+v", v)
	}
	if v := d.decline(t, claim); v.Fresh {
		t.Errorf("again: %+v", v)
	}
}
