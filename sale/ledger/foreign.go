package ledger

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
)

// foreign says why a claim or a close record is none of this ledger's; "" if it is. Only who knows the sale's secret can make an
// id, so what passes was made for this sale by a process of this deployment, or is a copy: the id fixes the sale, the generation,
// the shopper and the attempt. What the id does not fix (username, keys, times) a copy can change, but a copy in the sale's
// partition comes after the claim, which has its verdict then.
func (s *BatchState) foreign(c *events.Claim) events.Foreign {
	if c.Ledger != uuid.Nil && c.Ledger != s.Ledger {
		return events.ForeignLedger
	}
	of, known := s.Sales[c.SaleID]
	switch {
	case !known:
		return events.ForeignSale
	case s.Source == events.FromLog && c.Partition != of.Partition:
		return events.ForeignPartition
	case !of.derives(c):
		return events.ForeignID
	}
	return ""
}

// derives is true when the record has the id that the sale's secret makes of its fields.
func (s *SaleState) derives(c *events.Claim) bool {
	switch {
	case c.Kind != events.KindClose:
		return c.ID == s.IDs.Claim(c.Generation, c.UserID, c.Attempt)
	case c.Closing != 0:
		return c.ID == s.IDs.Close(c.Generation, c.Closing)
	}
	return s.closedBefore(c)
}

// closingsTried bounds what a close record may cost.
const closingsTried = 64

// closedBefore is true for a close record of the version before, which does not say which closing it is of. It is the present one
// or, when it comes late, one of the sale's latest versions.
func (s *SaleState) closedBefore(c *events.Claim) bool {
	if c.Generation == s.Generation && c.ID == s.CloseID {
		return true
	}
	for v := s.Version; v > max(0, s.Version-closingsTried); v-- {
		if c.ID == s.IDs.Close(c.Generation, v) {
			return true
		}
	}
	return false
}

// Foreign says of each claim of the log why it is none of this ledger's; "" for those that are. It is for verify.
func (s *Store) Foreign(ctx context.Context, claims []events.Claim) ([]events.Foreign, error) {
	r := newLedgerReads(events.FromLog, 0)
	_, sales, _ := rowsOf(claims)
	b := &pgx.Batch{}
	b.Queue(sqlLedgerSales, sales).Query(r.sales)
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return tx.SendBatch(ctx, b).Close() })
	if err != nil {
		return nil, fmt.Errorf("read the sales of claims: %w", err)
	}
	why := make([]events.Foreign, len(claims))
	for i := range claims {
		why[i] = r.state.foreign(&claims[i])
	}
	return why, nil
}
