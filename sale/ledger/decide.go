package ledger

import (
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
)

// BatchState is what a decision on a batch of claims depends on, read under the lock of the stock rows.
type BatchState struct {
	Source events.Source
	// Ledger is the ledger's identity.
	Ledger uuid.UUID
	// Now is the time of the verdicts, by Postgres' clock.
	Now time.Time
	// Sales are the present generation and state of each sale.
	Sales map[int64]SaleState
	// Levels are the stocks of the generations that the claims are for. A decision adds to Taken.
	Levels map[sale.Key]sale.Level
	// Verdicts are those that the claims had before, and those that this batch gives.
	Verdicts map[uuid.UUID]*events.Verdict
	// Owners are the live orders of the shoppers in the batch, also those that this batch makes.
	Owners map[sale.ShopperKey]uuid.UUID
}

// SaleState is a sale's present generation and state, on which it depends whether a claim can be ordered.
type SaleState struct {
	Generation int64
	State      sale.State
	// Partition is the partition of the claims log that has the sale's claims.
	Partition int
	// Version is that of the sale's row. It grows with every change.
	Version int64
	// IDs derives the ids of its claims.
	IDs *sale.IDs
	// StartsAt and EndsAt are the times of the generation as they are now. A claim counts from the start on, and not at the end.
	StartsAt, EndsAt time.Time
	// Product is the revision of the product that is sold now; 0: not known.
	Product int64
	// CloseID is the id of the close record that closes a closing sale.
	CloseID uuid.UUID
}

// BatchResult is the decision on a batch of claims. Its orders have no units yet: giveUnits gives them, in the order of Ordered.
type BatchResult struct {
	// Verdicts has one for each record of the batch. Repeats of a claim share one; it is nil for a close record and for a
	// foreign one.
	Verdicts []*events.Verdict
	Ordered  []NewVerdict
	Declined []NewVerdict
	// Closed are the sales that a close record of the batch closes.
	Closed []sale.Key
	// Foreign are the records that are none of this ledger's. They change nothing.
	Foreign []events.ForeignClaim
}

// NewVerdict is a verdict that this batch gives, and its claim.
type NewVerdict struct {
	Claim   *events.Claim
	Verdict *events.Verdict
}

// Needs is how many units the orders take of each sale.
func (o *BatchResult) Needs() map[sale.Key]int64 {
	n := make(map[sale.Key]int64, 1)
	for _, r := range o.Ordered {
		n[keyOf(r.Claim)]++
	}
	return n
}

// Decision is the result in the form that package events defines. stocks are those that it changes.
func (o *BatchResult) Decision(stocks []events.Stock) events.Decision {
	d := events.Decision{Verdicts: make([]events.Verdict, len(o.Verdicts)), Stocks: stocks, Foreign: o.Foreign}
	for _, k := range o.Closed {
		d.Closed = append(d.Closed, k.Sale)
	}
	for i, v := range o.Verdicts {
		if v != nil {
			d.Verdicts[i] = *v
		}
	}
	return d
}

// Decide gives the claims their verdicts one after the other, in the order of the log. It is a pure function: the same state and
// the same claims give the same verdicts, without a clock and without I/O. It changes the state, so that each claim is decided
// with the verdicts before it.
func (s *BatchState) Decide(claims []events.Claim) BatchResult {
	o := BatchResult{Verdicts: make([]*events.Verdict, len(claims))}
	for i := range claims {
		c := &claims[i]
		if why := s.foreign(c); why != "" {
			o.Foreign = append(o.Foreign, events.ForeignClaim{Index: i, Why: why})
			continue
		}
		if c.Kind == events.KindClose {
			if s.reachClose(c) {
				o.Closed = append(o.Closed, keyOf(c))
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

// reachClose closes the sale if the close record is the one of its present closing.
func (s *BatchState) reachClose(c *events.Claim) bool {
	of, ok := s.Sales[c.SaleID]
	if !ok || of.State != sale.Closing || of.Generation != c.Generation || of.CloseID != c.ID {
		return false
	}
	of.State = sale.Closed
	s.Sales[c.SaleID] = of
	return true
}

// step gives the claim its verdict: the one that it has, or else a new one.
func (s *BatchState) step(c *events.Claim) (v *events.Verdict, made bool) {
	who := sale.ShopperKey{Key: keyOf(c), User: c.UserID}
	if old, ok := s.Verdicts[c.ID]; ok {
		return old, false
	}
	v = &events.Verdict{
		ClaimID: c.ID, SaleID: c.SaleID, Generation: c.Generation, UserID: c.UserID, Username: c.Username,
		Attempt: c.Attempt, Outcome: events.Declined, At: s.Now, Fresh: true, RequestID: c.RequestID,
	}
	s.Verdicts[c.ID] = v
	of := s.Sales[c.SaleID] // it is known, or the claim would be foreign
	if of.Generation != c.Generation {
		v.Reason = events.ReasonGenerationChanged
		return v, true
	}
	// In every state of the sale, the owner of an order gets its id.
	if order, ok := s.Owners[who]; ok {
		v.Reason, v.OrderID = events.ReasonAlreadyOwns, order
		return v, true
	}
	if v.Reason = of.refusal(s.Source); v.Reason != "" {
		return v, true
	}
	if v.Reason = of.untimely(c); v.Reason != "" {
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
	v.Outcome, v.PressedAt = events.Ordered, of.pressTime(c, s.Now)
	return v, true
}

// refusal is the reason why a sale in this state declines every claim, or "" if it does not.
func (s SaleState) refusal(source events.Source) events.Reason {
	switch s.State {
	case sale.Open:
		return ""
	case sale.Closing:
		// Claims before the close record in the log can still be ordered. Claims of the direct path are not in the log, so
		// they are neither before nor after it.
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

// untimely is the reason why a claim is declined for the time of its press, or "". The time of the decision does not matter
// here: a claim that had to wait for its verdict is as good as any other. A claim without a time of its press is judged by the
// state of the sale alone.
func (s SaleState) untimely(c *events.Claim) events.Reason {
	at, known := c.PressTime()
	switch {
	case !known:
		return ""
	case at.Before(s.StartsAt):
		return events.ReasonNotStarted
	case !at.Before(s.EndsAt):
		return events.ReasonEnded
	}
	return ""
}

// pressTime is what the order keeps as the time of the press, in the microseconds of Postgres; zero: it is not known. No press is
// later than its decision: where the claim says so, the process's idea of the clock was a little ahead.
func (s SaleState) pressTime(c *events.Claim, decided time.Time) time.Time {
	at, known := c.PressTime()
	if !known {
		return time.Time{}
	}
	if at.After(decided) && !decided.Before(s.StartsAt) {
		at = decided
	}
	return at.UTC().Truncate(time.Microsecond)
}
