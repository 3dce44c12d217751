package sale

import (
	"time"

	"github.com/google/uuid"

	"flashsale/events"
)

// shopperKey is one person within one generation of a sale.
type shopperKey struct {
	Key
	user int64
}

// ledgerState is everything a batch of claims can meet in the ledger, as it is under the lock of the stock rows.
// Its step is pure: the same state and the same claims give the same verdicts, without a clock and without I/O.
type ledgerState struct {
	source events.Source
	now    time.Time
	// sales are the current generation and state of each sale.
	sales map[int64]saleState
	// levels are the stocks of the current generations. step adds to Taken.
	levels map[Key]Level
	// verdicts are those that exist already, and those this batch has made.
	verdicts map[uuid.UUID]*events.Verdict
	// owners are the live orders of the shoppers in the batch.
	owners map[shopperKey]uuid.UUID
}

type saleState struct {
	generation int64
	state      State
	// closeID is the record at which a closing sale is closed.
	closeID uuid.UUID
}

// batchResult is what a batch of claims comes to. Units are given out afterwards, in the order of ordered.
type batchResult struct {
	// verdicts has one for each claim, shared by repeats; nil for records that are not claims.
	verdicts []*events.Verdict
	ordered  []newVerdict
	declined []newVerdict
	closed   []Key
}

// newVerdict is a verdict made now and the claim it was made for.
type newVerdict struct {
	claim   *events.Claim
	verdict *events.Verdict
}

// take is how many units each sale needs.
func (o *batchResult) take() map[Key]int64 {
	n := make(map[Key]int64, 1)
	for _, r := range o.ordered {
		n[Key{r.claim.SaleID, r.claim.Generation}]++
	}
	return n
}

// decide rules on the claims one after the other, in the order of the log.
func decide(s *ledgerState, claims []events.Claim) batchResult {
	o := batchResult{verdicts: make([]*events.Verdict, len(claims))}
	for i := range claims {
		c := &claims[i]
		if c.Kind == events.KindClose {
			if s.reachClose(c) {
				o.closed = append(o.closed, Key{c.SaleID, c.Generation})
			}
			continue
		}
		v, made := s.step(c)
		o.verdicts[i] = v
		switch {
		case !made:
		case v.Outcome == events.Ordered:
			o.ordered = append(o.ordered, newVerdict{c, v})
		default: // step makes orders and declines
			o.declined = append(o.declined, newVerdict{c, v})
		}
	}
	return o
}

// reachClose closes the sale if this is the record that was written for its present closing.
func (s *ledgerState) reachClose(c *events.Claim) bool {
	sale, ok := s.sales[c.SaleID]
	if !ok || sale.state != Closing || sale.generation != c.Generation || sale.closeID != c.ID {
		return false
	}
	sale.state = Closed
	s.sales[c.SaleID] = sale
	return true
}

// step gives the claim its verdict: the one it has, else a new one.
func (s *ledgerState) step(c *events.Claim) (v *events.Verdict, made bool) {
	who := shopperKey{Key{c.SaleID, c.Generation}, c.UserID}
	if old, ok := s.verdicts[c.ID]; ok {
		return old, false
	}
	v = &events.Verdict{
		ClaimID: c.ID, SaleID: c.SaleID, Generation: c.Generation, UserID: c.UserID, Username: c.Username,
		Attempt: c.Attempt, Outcome: events.Declined, At: s.now, Fresh: true, RequestID: c.RequestID,
	}
	s.verdicts[c.ID] = v
	sale, known := s.sales[c.SaleID]
	if !known {
		v.Reason = events.ReasonUndecidable
		return v, true
	}
	if sale.generation != c.Generation {
		v.Reason = events.ReasonGenerationChanged
		return v, true
	}
	// One's own order comes before the state of the sale, as in the precedence of answers.
	if order, ok := s.owners[who]; ok {
		v.Reason, v.OrderID = events.ReasonAlreadyOwns, order
		return v, true
	}
	if v.Reason = sale.refusal(s.source); v.Reason != "" {
		return v, true
	}
	level := s.levels[who.Key]
	if level.Taken >= level.Total {
		v.Reason = events.ReasonSoldOut
		return v, true
	}
	level.Taken++
	s.levels[who.Key] = level
	s.owners[who] = c.ID
	v.Outcome = events.Ordered
	return v, true
}

// refusal is why the sale takes no claim at all in its state, or "".
func (s saleState) refusal(source events.Source) events.Reason {
	switch s.state {
	case Open:
		return ""
	case Closing:
		// What stands in the log before the close record counts; the direct path has no place in that order.
		if source == events.FromLog {
			return ""
		}
		return events.ReasonEnded
	case Closed:
		return events.ReasonEnded
	case Paused:
		return events.ReasonPaused
	case Draft, Scheduled:
		return events.ReasonNotStarted
	}
	return events.ReasonNotStarted // a state that only a newer version knows
}
