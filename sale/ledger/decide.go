package ledger

import (
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
)

// BatchState is everything that a batch of claims can meet in the ledger, as it is under the lock of the stock rows.
type BatchState struct {
	Source events.Source
	// Now is the time of the verdicts.
	Now time.Time
	// Sales are the present generation and state of each sale.
	Sales map[int64]SaleState
	// Levels are the stocks of the present generations. A decision adds to Taken.
	Levels map[sale.Key]sale.Level
	// Verdicts are those that exist already, and those that this batch has made.
	Verdicts map[uuid.UUID]*events.Verdict
	// Owners are the live orders of the shoppers in the batch.
	Owners map[sale.ShopperKey]uuid.UUID
}

// SaleState is what decides whether a sale takes claims.
type SaleState struct {
	Generation int64
	State      sale.State
	// CloseID is the record at which a closing sale is closed.
	CloseID uuid.UUID
}

// BatchResult is what a batch of claims comes to. Units are given out afterwards, in the order of Ordered.
type BatchResult struct {
	// Verdicts has one for each claim, shared by repeats; nil for records that are not claims.
	Verdicts []*events.Verdict
	Ordered  []NewVerdict
	Declined []NewVerdict
	// Closed are the sales whose close record was reached.
	Closed []sale.Key
}

// NewVerdict is a verdict that was made now, and the claim that it is for.
type NewVerdict struct {
	Claim   *events.Claim
	Verdict *events.Verdict
}

// Needs is how many units each sale needs.
func (o *BatchResult) Needs() map[sale.Key]int64 {
	n := make(map[sale.Key]int64, 1)
	for _, r := range o.Ordered {
		n[sale.Key{Sale: r.Claim.SaleID, Generation: r.Claim.Generation}]++
	}
	return n
}

// Decide gives the claims their verdicts one after the other, in the order of the log. It is pure: the same state and the same
// claims give the same verdicts, without a clock and without I/O. It changes the state as it goes.
func (s *BatchState) Decide(claims []events.Claim) BatchResult {
	o := BatchResult{Verdicts: make([]*events.Verdict, len(claims))}
	for i := range claims {
		c := &claims[i]
		if c.Kind == events.KindClose {
			if s.reachClose(c) {
				o.Closed = append(o.Closed, sale.Key{Sale: c.SaleID, Generation: c.Generation})
			}
			continue
		}
		v, made := s.step(c)
		o.Verdicts[i] = v
		switch {
		case !made:
		case v.Outcome == events.Ordered:
			o.Ordered = append(o.Ordered, NewVerdict{c, v})
		default: // step makes orders and declines
			o.Declined = append(o.Declined, NewVerdict{c, v})
		}
	}
	return o
}

// reachClose closes the sale if this is the record that was written for its present closing.
func (s *BatchState) reachClose(c *events.Claim) bool {
	of, ok := s.Sales[c.SaleID]
	if !ok || of.State != sale.Closing || of.Generation != c.Generation || of.CloseID != c.ID {
		return false
	}
	of.State = sale.Closed
	s.Sales[c.SaleID] = of
	return true
}

// step gives the claim its verdict: the one it has, else a new one.
func (s *BatchState) step(c *events.Claim) (v *events.Verdict, made bool) {
	who := sale.ShopperKey{Key: sale.Key{Sale: c.SaleID, Generation: c.Generation}, User: c.UserID}
	if old, ok := s.Verdicts[c.ID]; ok {
		return old, false
	}
	v = &events.Verdict{
		ClaimID: c.ID, SaleID: c.SaleID, Generation: c.Generation, UserID: c.UserID, Username: c.Username,
		Attempt: c.Attempt, Outcome: events.Declined, At: s.Now, Fresh: true, RequestID: c.RequestID,
	}
	s.Verdicts[c.ID] = v
	of, known := s.Sales[c.SaleID]
	if !known {
		v.Reason = events.ReasonUndecidable
		return v, true
	}
	if of.Generation != c.Generation {
		v.Reason = events.ReasonGenerationChanged
		return v, true
	}
	// One's own order comes before the state of the sale, as in the precedence of answers.
	if order, ok := s.Owners[who]; ok {
		v.Reason, v.OrderID = events.ReasonAlreadyOwns, order
		return v, true
	}
	if v.Reason = of.refusal(s.Source); v.Reason != "" {
		return v, true
	}
	level := s.Levels[who.Key]
	if level.Taken >= level.Total {
		v.Reason = events.ReasonSoldOut
		return v, true
	}
	level.Taken++
	s.Levels[who.Key] = level
	s.Owners[who] = c.ID
	v.Outcome = events.Ordered
	return v, true
}

// refusal is why the sale takes no claim at all in its state, or "".
func (s SaleState) refusal(source events.Source) events.Reason {
	switch s.State {
	case sale.Open:
		return ""
	case sale.Closing:
		// What stands in the log before the close record counts; the direct path has no place in that order.
		if source == events.FromLog {
			return ""
		}
		return events.ReasonEnded
	case sale.Closed:
		return events.ReasonEnded
	case sale.Paused:
		return events.ReasonPaused
	case sale.Draft, sale.Scheduled:
		return events.ReasonNotStarted
	}
	return events.ReasonNotStarted // a state that only a newer version knows
}
