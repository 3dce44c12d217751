package ledger

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

// What somebody can write who reads the log and knows no secret.
func TestAForeignRecordChangesNothing(t *testing.T) {
	t.Parallel()
	ours, other := uuid.New(), uuid.New()
	real := saletest.Claim(saletest.Key(), 1, 1)
	for what, c := range map[string]struct {
		forge func(c *events.Claim)
		want  events.Foreign
	}{
		"a claim":                               {func(*events.Claim) {}, ""},
		"with the ledger's name":                {func(c *events.Claim) { c.Ledger = ours }, ""},
		"with a changed username":               {func(c *events.Claim) { c.Username = "x" }, ""}, // comes after the claim itself
		"of another ledger":                     {func(c *events.Claim) { c.Ledger = other }, events.ForeignLedger},
		"of another ledger, with another id":    {func(c *events.Claim) { c.Ledger, c.ID = other, uuid.New() }, events.ForeignLedger},
		"with an invented id":                   {func(c *events.Claim) { c.ID = uuid.New() }, events.ForeignID},
		"with the id of a close record":         {func(c *events.Claim) { c.ID = sale.CloseID(saletest.Secret(), 2, 5) }, events.ForeignID},
		"copied for another shopper":            {func(c *events.Claim) { c.UserID = 2 }, events.ForeignID},
		"copied for another attempt":            {func(c *events.Claim) { c.Attempt = 2 }, events.ForeignID},
		"copied for another generation":         {func(c *events.Claim) { c.Generation = 1 }, events.ForeignID},
		"copied for a sale that does not exist": {func(c *events.Claim) { c.SaleID = 99 }, events.ForeignSale},
		"copied for another sale":               {func(c *events.Claim) { c.SaleID = 8 }, events.ForeignID},
		"copied into another partition":         {func(c *events.Claim) { c.Partition = 1 }, events.ForeignPartition},
		"made into a close record":              {func(c *events.Claim) { c.Kind = events.KindClose }, events.ForeignID},
		"made into a close record of a version": {func(c *events.Claim) { c.Kind, c.Closing = events.KindClose, 5 }, events.ForeignID},
		"a close record with an invented id":    {func(c *events.Claim) { *c = closeOf(saletest.Key(), 5); c.ID = uuid.New() }, events.ForeignID},
		"a close record of another closing":     {func(c *events.Claim) { *c = closeOf(saletest.Key(), 5); c.Closing = 4 }, events.ForeignID},
		"a close record of another generation":  {func(c *events.Claim) { *c = closeOf(saletest.Key(), 5); c.Generation, c.Closing = 1, 0 }, events.ForeignID},
		"a close record in another partition":   {func(c *events.Claim) { *c = closeOf(saletest.Key(), 5); c.Partition = 1 }, events.ForeignPartition},
		"a close record of another ledger":      {func(c *events.Claim) { *c = closeOf(saletest.Key(), 5); c.Ledger = other }, events.ForeignLedger},
		"a close record of an older closing":    {func(c *events.Claim) { *c = closeOf(saletest.Key(), 4) }, ""},
		"a close record of the version before":  {func(c *events.Claim) { *c = closeOf(saletest.Key(), 5); c.Closing = 0 }, ""},
		"a late one of the version before": {func(c *events.Claim) {
			*c = closeOf(sale.Key{Sale: saletest.Key().Sale, Generation: 1}, 3)
			c.Closing = 0
		}, ""},
	} {
		s := stateWith(sale.Closing, 5)
		s.Ledger = ours
		s.Sales[8] = SaleState{Generation: 2, State: sale.Open, IDs: sale.NewIDs([]byte("another secret"))}
		record := real
		c.forge(&record)
		before := s.Levels[saletest.Key()]
		made := s.Decide([]events.Claim{record})
		if c.want == "" {
			if len(made.Foreign) != 0 {
				t.Errorf("%s is foreign: %v", what, made.Foreign)
			}
			continue
		}
		if want := []events.ForeignClaim{{Index: 0, Why: c.want}}; !slices.Equal(made.Foreign, want) {
			t.Errorf("%s: foreign are %v, want %v", what, made.Foreign, want)
		}
		untouched := s.Levels[saletest.Key()] == before && len(s.Verdicts)+len(s.Owners) == 0 && s.Sales[saletest.Key().Sale].State == sale.Closing
		if len(made.Ordered)+len(made.Declined)+len(made.Closed) != 0 || made.Verdicts[0] != nil || !untouched {
			t.Errorf("%s changes something: %+v", what, made)
		}
	}
}

// The direct path has no log, and so no partition.
func TestADirectClaimIsForeignByItsIDToo(t *testing.T) {
	t.Parallel()
	s := stateWith(sale.Open, 5)
	s.Source = events.Direct
	direct, forged := saletest.Claim(saletest.Key(), 1, 1), saletest.Claim(saletest.Key(), 2, 1)
	direct.Partition, forged.ID = 1, uuid.New()
	made := s.Decide([]events.Claim{direct, forged})
	if v := made.Verdicts[0]; v == nil || v.Outcome != events.Ordered {
		t.Errorf("the claim got %+v", v)
	}
	if want := []events.ForeignClaim{{Index: 1, Why: events.ForeignID}}; !slices.Equal(made.Foreign, want) {
		t.Errorf("foreign are %v, want %v", made.Foreign, want)
	}
}

// A copy comes after its claim, because both are in one partition. What the copier has changed stays without effect.
func TestACopyOfAClaimIsDecidedAsTheClaimWas(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	claim := d.claim(1, 1)
	claim.RequestID = uuid.New()
	copied := claim
	copied.Username, copied.RequestID, copied.IdempotencyKey, copied.Traceparent = "x\x00", uuid.New(), uuid.New(), "00-\x00"
	copied.PressedAt = copied.PressedAt.AddDate(-1, 0, 0)
	made := d.decide(claim, copied)
	if made.Verdicts[1] != made.Verdicts[0] || made.Verdicts[0].Username != claim.Username || len(made.Foreign) != 0 {
		t.Errorf("%+v", made)
	}
	if v := d.decideOne(copied); v.Fresh || v.Username != claim.Username || v.RequestID != claim.RequestID {
		t.Errorf("later: %+v", v)
	}
	if n := d.Number(`SELECT count(*) FROM orders WHERE press_key IS NOT NULL`); n != 0 {
		t.Error("the order has the copier's key")
	}
	d.verify()
}

func TestTheLedgerNamesItselfToClaimsAndDecisions(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	changes, err := d.ReadChanges(t.Context(), nil, nil)
	if err != nil || len(changes.Rows) != 1 || changes.Rows[0].Ledger == uuid.Nil {
		t.Fatalf("%+v, %v", changes.Rows, err)
	}
	named, other := d.claim(1, 1), d.claim(2, 1)
	named.Ledger, other.Ledger = changes.Rows[0].Ledger, uuid.New()
	made := d.decide(named, other)
	if made.Verdicts[0].Outcome != events.Ordered || !slices.Equal(made.Foreign, []events.ForeignClaim{{Index: 1, Why: events.ForeignLedger}}) {
		t.Errorf("%+v", made)
	}
	why, err := d.Foreign(t.Context(), []events.Claim{named, other, d.claim(3, 1)})
	if err != nil || !slices.Equal(why, []events.Foreign{"", events.ForeignLedger, ""}) {
		t.Errorf("foreign are %v, %v", why, err)
	}
}
