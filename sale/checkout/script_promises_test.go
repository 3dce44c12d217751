package checkout

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
)

const (
	// answerTime is how long a press may take whatever fails.
	answerTime = buyTime
	// quietTime is how long after the last fault everything is in order: a read of the reconciler that still hangs, and
	// three more, because two a second apart may be less than two seconds apart.
	quietTime = 8 * time.Second
	// doubtTime is how much older than its press an order may be and still be taken for its own: half of a slow look.
	doubtTime = 110 * time.Millisecond
)

// answered is a press and what its shopper was told.
type answered struct {
	sale.Answer
	process  *scriptProcess
	press    sale.PurchaseRequest
	user     int64
	from, to time.Time
}

func (a *answered) String() string {
	return fmt.Sprintf("%s at process %d (%+v, pressed %s) heard %s %s after %s: claim %s, receipt %s unit %d, sale %d.%d %d of %d taken, stale %t",
		a.press.Name, a.process.number, a.press, a.from.Format("05.000000"), a.Kind, a.Reason, a.to.Sub(a.from), a.ClaimID, a.Receipt.OrderID,
		a.Receipt.Unit, a.Sale.Generation, a.Sale.Version, a.Sale.Taken, a.Sale.Total, a.Sale.Stale)
}

// check compares the ledger and the new answers with the promises.
func (s *scriptWorld) check() error {
	if err := s.invariants(); err != nil {
		return err
	}
	s.mu.Lock()
	fresh := slices.Clone(s.answers[s.checked:])
	s.checked = len(s.answers)
	s.mu.Unlock()
	for i := range fresh {
		if err := s.judge(&fresh[i]); err != nil {
			return fmt.Errorf("%w\n%s", err, &fresh[i])
		}
	}
	return s.saidOnce()
}

// invariants are I1 and I2.
func (s *scriptWorld) invariants() error {
	taken, owned, units := map[sale.Key]int64{}, map[sale.ShopperKey]bool{}, map[[3]int64]bool{}
	for _, o := range s.live(0) {
		who, unit := sale.ShopperKey{Key: sale.Key{Sale: o.SaleID, Generation: o.Generation}, User: o.UserID}, [3]int64{o.SaleID, o.Generation, o.Unit}
		if owned[who] {
			return fmt.Errorf("shopper %d has two live orders", o.UserID)
		}
		if units[unit] {
			return fmt.Errorf("unit %d has two owners", o.Unit)
		}
		owned[who], units[unit] = true, true
		taken[who.Key]++
	}
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	for k, l := range s.ledger.step.Levels {
		if l.Taken != taken[k] || l.Taken > l.Total {
			return fmt.Errorf("%d of %d taken, %d live orders", l.Taken, l.Total, taken[k])
		}
	}
	return nil
}

// saidOnce: of the presses for an order one is told that it bought.
func (s *scriptWorld) saidOnce() error {
	s.mu.Lock()
	answers := s.answers
	s.mu.Unlock()
	said := map[uuid.UUID]*answered{}
	for i := range answers {
		a := &answers[i]
		if a.Kind != sale.Bought {
			continue
		}
		first := said[a.Receipt.OrderID]
		if first == nil {
			said[a.Receipt.OrderID] = a
			continue
		}
		return fmt.Errorf("two presses bought the same order:\n%s\n%s", first, a)
	}
	return nil
}

func (s *scriptWorld) judge(a *answered) error {
	if took := a.to.Sub(a.from); took > answerTime {
		return fmt.Errorf("answered after %s", took)
	}
	if err := s.shown(a); err != nil {
		return err
	}
	if err := s.owed(a); err != nil {
		return err
	}
	switch a.Kind {
	case sale.Bought, sale.AlreadyBought:
		return s.receipt(a)
	case sale.Pending:
		return s.pending(a)
	case sale.Refused:
		return s.refusal(a)
	case sale.Unavailable, sale.Overloaded:
		return s.excuse(a)
	case sale.NotAuthorized, sale.UnknownShopper:
	}
	return fmt.Errorf("a shopper of ours who may buy is %s", a.Kind)
}

// was is true when the ledger was like that at some time in between.
func (s *scriptWorld) was(from, to time.Time, like func(m moment) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, m := range s.moments {
		if m.at.After(to) {
			break
		}
		ended := i+1 < len(s.moments) && s.moments[i+1].at.Before(from)
		if !ended && like(m) {
			return true
		}
	}
	return false
}

// shown: figures that are not marked stale were true within the lease.
func (s *scriptWorld) shown(a *answered) error {
	if a.Sale.Stale || a.Sale.ID == 0 {
		return nil
	}
	if !s.was(a.from.Add(-sale.Lease), a.to, func(m moment) bool {
		return m.generation == a.Sale.Generation && m.total == a.Sale.Total && m.taken == a.Sale.Taken
	}) {
		return fmt.Errorf("shows figures that were not true within the lease")
	}
	return nil
}

// receipt: what is called bought is an order in the ledger, of this shopper, and not one that was taken back long ago.
func (s *scriptWorld) receipt(a *answered) error {
	row, r := s.row(a.Receipt.OrderID), a.Receipt
	if row == nil {
		return fmt.Errorf("a receipt for an order that does not exist")
	}
	if row.UserID != a.user || r.UserID != a.user || row.Unit != r.Unit || !row.At.Equal(r.At) || row.Generation != r.Generation {
		return fmt.Errorf("the receipt is not that of the order: %+v", row.Receipt)
	}
	if a.Kind == sale.Bought && r.At.Before(a.from.Add(-doubtTime)) {
		return fmt.Errorf("bought by a press %s after the order", a.from.Sub(r.At))
	}
	gone, cancelled := s.cancelledAt(r.OrderID)
	// The key of an order that was taken back a moment ago is no longer found.
	if a.press.IdempotencyKey != "" && a.Kind == sale.AlreadyBought && !s.sick(postgres, a.from, a.to) && !(cancelled && gone.Before(a.to)) {
		if same := row.IdempotencyKey == sale.IdempotencyKeyID(s.ledger.row.Secret, a.user, a.press.IdempotencyKey); same != a.SameKey {
			return fmt.Errorf("the same key: %t, want %t", a.SameKey, same)
		}
	}
	if limit := a.from.Add(-sale.Lease - lookUpAfter); cancelled && gone.Before(limit) && !s.sick(postgres, gone, a.to) && !s.restarted(a) {
		return fmt.Errorf("the order was taken back %s before the press", a.from.Sub(gone))
	}
	return nil
}

func (s *scriptWorld) cancelledAt(id uuid.UUID) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.cancelled[id]
	return at, ok
}

func (s *scriptWorld) restarted(a *answered) bool { return s.all()[a.process.number] != a.process }

// owed: while Postgres answers, somebody who owns an order throughout is told so.
func (s *scriptWorld) owed(a *answered) error {
	since := a.from.Add(-2*sale.Lease - doubtTime)
	if s.sick(postgres, since, a.to) || s.sick(replies, since, a.to) || s.sick(disturbance, since, a.to) || a.press.Async {
		return nil
	}
	for _, o := range s.live(a.user) {
		switch {
		case o.Generation != s.ledger.row.Generation || !o.At.Before(a.from.Add(-time.Millisecond)):
		case a.Reason == sale.ReasonAllClaimed && s.sick(redis, since.Add(-2*sale.Lease), a.to):
			// A Redis that forgot an owner and has strangers has no place for him, until it is reconciled.
		case a.Kind != sale.Bought && a.Kind != sale.AlreadyBought || a.Receipt.OrderID != o.OrderID:
			return fmt.Errorf("an owner, since %s, of order %s is not told so", a.from.Sub(o.At), o.OrderID)
		}
	}
	return nil
}

// pending: the log has the claim where the answer says.
func (s *scriptWorld) pending(a *answered) error {
	written := s.log.written()
	if at := a.Position; at == nil || at.Offset >= int64(len(written)) || written[at.Offset].ID != a.ClaimID {
		return fmt.Errorf("the log does not have the claim at %v", at)
	}
	return nil
}

// refusal: its reason was true while the press was under way, or within the lease before; a claim that is called declined
// has no order, and never gets one.
func (s *scriptWorld) refusal(a *answered) error {
	if a.ClaimID != uuid.Nil {
		if v := s.verdict(a.ClaimID); v == nil || v.Outcome != events.Declined {
			return fmt.Errorf("the claim was not declined: %+v", v)
		}
	}
	from := a.from.Add(-sale.Lease)
	if s.awayThroughout(from, a.to) {
		return fmt.Errorf("refused although Postgres could not be asked for as long as the lease")
	}
	var so func(m moment) bool
	switch a.Reason {
	case sale.ReasonSoldOut:
		so = func(m moment) bool { return m.taken >= m.total }
	case sale.ReasonPaused:
		so = func(m moment) bool { return m.state == sale.Paused }
	case sale.ReasonEnded:
		so = func(m moment) bool { return m.state == sale.Closing || m.state == sale.Closed }
	case sale.ReasonGenerationChanged:
		first := s.moments[0].generation
		so = func(m moment) bool { return m.generation > first }
	case sale.ReasonAllClaimed:
		s.mu.Lock()
		defer s.mu.Unlock()
		if !slices.ContainsFunc(s.full[a.user], func(at time.Time) bool { return !at.Before(a.from) && !at.After(a.to) }) {
			return fmt.Errorf("all claimed, and Redis did not say so")
		}
		return nil
	case events.ReasonNotStarted, events.ReasonAlreadyOwns, events.ReasonUndecidable, events.ReasonOther:
	}
	if so == nil {
		return fmt.Errorf("no such thing has happened")
	}
	if !s.was(from, a.to, so) {
		return fmt.Errorf("it was not so within the lease")
	}
	return nil
}

// awayThroughout is true when Postgres answered nobody in all that time.
func (s *scriptWorld) awayThroughout(from, to time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.how[postgres] != refuses && s.how[postgres] != silent {
		return false
	}
	all := s.spells[postgres]
	return all[len(all)-1].from.Before(from.Add(-10 * time.Millisecond))
}

// excuse: where nothing fails, nobody is turned away without a verdict.
func (s *scriptWorld) excuse(a *answered) error {
	from := a.from.Add(-3 * time.Second)
	if from.Before(s.began) {
		from = s.began
	}
	for _, what := range []string{redis, kafka, postgres, replies, disturbance} {
		if s.sick(what, from, a.to) {
			return nil
		}
	}
	return fmt.Errorf("turned away although nothing failed")
}

// epilogue is what must be true once everything is well and quiet again.
func (s *scriptWorld) epilogue() error {
	if err := s.placesAreOwners(); err != nil {
		return err
	}
	for _, a := range s.answers {
		if a.Kind != sale.Pending {
			continue
		}
		c, err := s.all()[0].Claim(context.Background(), a.ClaimID, a.Position)
		if err != nil {
			return fmt.Errorf("ask for a claim: %w", err)
		}
		v := s.verdict(a.ClaimID)
		if c.State == sale.ClaimPending || c.State == sale.ClaimGone || (c.State == sale.ClaimOrdered) != (v.Outcome == events.Ordered) {
			return fmt.Errorf("a claim that was pending is %s, the ledger says %+v\n%s", c.State, v, &a)
		}
	}
	for _, b := range s.all() {
		for n := range customers {
			if err := s.lastPress(b, customers[n]); err != nil {
				return fmt.Errorf("all is well and quiet: %w", err)
			}
		}
		if n := b.pending.count.Load(); n != 0 {
			return fmt.Errorf("%d claims are waited for at process %d after all is quiet", n, b.number)
		}
	}
	return s.check()
}

// placesAreOwners is I4.
func (s *scriptWorld) placesAreOwners() error {
	k := s.ledger.row.Key
	holders, room := s.holders(k)
	owners, total := s.owners(k)
	if _, loaded := s.room(k); !loaded {
		return nil // nobody has asked for a place yet
	}
	if len(holders) != len(owners) || int64(room) != total {
		return fmt.Errorf("after all is quiet the holders are %v of %d, the owners %v of %d", holders, room, owners, total)
	}
	return nil
}

// lastPress: when all is well there is exactly one right answer.
func (s *scriptWorld) lastPress(b *scriptProcess, name string) error {
	a := answered{process: b, press: sale.PurchaseRequest{Slug: "flash", Name: name}, user: s.names.shopper(name).ID, from: time.Now()}
	k := s.ledger.row.Key
	owners, total := s.owners(k)
	want, reason := sale.Bought, sale.Reason("")
	switch state := s.ledger.row.State; {
	case owners[a.user]:
		want = sale.AlreadyBought
	case state == sale.Paused:
		want, reason = sale.Refused, sale.ReasonPaused
	case state != sale.Open:
		want, reason = sale.Refused, sale.ReasonEnded
	case int64(len(owners)) >= total:
		want, reason = sale.Refused, sale.ReasonSoldOut
	}
	a.Answer = b.Buy(context.Background(), a.press)
	a.to = time.Now()
	s.mu.Lock()
	s.answers = append(s.answers, a)
	s.mu.Unlock()
	if a.Kind != want || a.Reason != reason {
		return fmt.Errorf("want %s %s\n%s", want, reason, &a)
	}
	// Other processes hear of it at their next refresh.
	time.Sleep(refreshEvery + doubtTime)
	return nil
}
