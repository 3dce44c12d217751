package checkout

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
)

const (
	// answerTime is how long a request may take whatever fails.
	answerTime = buyTime
	// quietTime is how long after the last fault everything is in order. It is enough for a read of the reconciler that still
	// hangs and for three more, because two of them may be less than two seconds apart.
	quietTime = 8 * time.Second
	// clockTolerance is how much older than its request an order may seem: half of the time that a slow read takes.
	clockTolerance = 110 * time.Millisecond
	// toldTime is how long after its commit every process knows an order at the latest while nothing fails: the reply and the
	// message to another process take up to two milliseconds each. Until then nobody has been told of it.
	toldTime = 5 * time.Millisecond
)

// answered is a request and its answer.
type answered struct {
	sale.Answer
	process  *scriptProcess
	request  sale.PurchaseRequest
	user     int64
	from, to time.Time
}

func (a *answered) String() string {
	return fmt.Sprintf("%s at process %d (%+v, at %s) got %s %s after %s: claim %s, receipt %s unit %d, sale %d.%d %d of %d taken, stale %t",
		a.request.Name, a.process.number, a.request, a.from.Format("05.000000"), a.Kind, a.Reason, a.to.Sub(a.from), a.ClaimID, a.Receipt.OrderID,
		a.Receipt.Unit, a.Sale.Generation, a.Sale.Version, a.Sale.Taken, a.Sale.Total, a.Sale.Stale)
}

// check compares the ledger and the new answers with the promises.
func (s *scriptWorld) check() error {
	if err := s.checkLedger(); err != nil {
		return err
	}
	s.mu.Lock()
	fresh := slices.Clone(s.answers[s.checked:])
	s.checked = len(s.answers)
	s.mu.Unlock()
	for i := range fresh {
		if err := s.checkAnswer(&fresh[i]); err != nil {
			return fmt.Errorf("%w\n%s", err, &fresh[i])
		}
	}
	return s.checkBoughtOnce()
}

// checkLedger: invariants I1 and I2.
func (s *scriptWorld) checkLedger() error {
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
	for k, l := range s.ledger.state.Levels {
		if l.Taken != taken[k] || l.Taken > l.Total {
			return fmt.Errorf("%d of %d taken, %d live orders", l.Taken, l.Total, taken[k])
		}
	}
	return nil
}

// checkBoughtOnce: of the requests for an order one is answered that it bought.
func (s *scriptWorld) checkBoughtOnce() error {
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
		return fmt.Errorf("two requests bought the same order:\n%s\n%s", first, a)
	}
	return nil
}

func (s *scriptWorld) checkAnswer(a *answered) error {
	if took := a.to.Sub(a.from); took > answerTime {
		return fmt.Errorf("answered after %s", took)
	}
	if err := s.checkFigures(a); err != nil {
		return err
	}
	if err := s.checkOwner(a); err != nil {
		return err
	}
	switch a.Kind {
	case sale.Bought, sale.AlreadyBought:
		return cmp.Or(s.checkArchived(a), s.checkReceipt(a))
	case sale.Pending:
		return s.checkPending(a)
	case sale.Refused:
		return s.checkRefusal(a)
	case sale.Unavailable, sale.Overloaded, sale.TooOften:
		return s.checkUnavailable(a)
	case sale.UnknownShopper:
		return s.checkArchived(a)
	case sale.NotAuthorized:
	}
	return fmt.Errorf("a shopper of ours who may buy is %s", a.Kind)
}

// checkArchived: only an archived account is not there, and it buys nothing.
func (s *scriptWorld) checkArchived(a *answered) error {
	if unknown := a.Kind == sale.UnknownShopper; unknown && !s.faulty(archivedPeriod(a.request.Name), a.from, a.to) {
		return fmt.Errorf("a shopper of ours is %s", a.Kind)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.periods[archivedPeriod(a.request.Name)] {
		if a.Kind == sale.Bought && p.from.Before(a.from) && (p.to.IsZero() || p.to.After(a.to)) {
			return fmt.Errorf("the account was archived all the time")
		}
	}
	return nil
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

// checkFigures: figures that are not marked stale were true within the lease.
func (s *scriptWorld) checkFigures(a *answered) error {
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

// checkReceipt: what is called bought is an order of this shopper in the ledger, and was not cancelled long ago.
func (s *scriptWorld) checkReceipt(a *answered) error {
	row, r := s.row(a.Receipt.OrderID), a.Receipt
	if row == nil {
		return fmt.Errorf("a receipt for an order that does not exist")
	}
	if row.UserID != a.user || r.UserID != a.user || row.Unit != r.Unit || !row.At.Equal(r.At) || row.Generation != r.Generation {
		return fmt.Errorf("the receipt is not that of the order: %+v", row.Receipt)
	}
	if a.Kind == sale.Bought && (row.DecidedAt.Before(a.from.Add(-clockTolerance)) || r.At.Before(a.from.Add(-clockTolerance))) {
		return fmt.Errorf("bought by a request %s after the order, pressed %s before it", a.from.Sub(row.DecidedAt), a.from.Sub(r.At))
	}
	at, cancelled := s.cancelledAt(r.OrderID)
	// The key of an order that was cancelled a moment ago is no longer found.
	if a.request.IdempotencyKey != "" && a.Kind == sale.AlreadyBought && !s.faulty(postgres, a.from, a.to) && !(cancelled && at.Before(a.to)) {
		if same := row.IdempotencyKey == sale.IdempotencyKeyID(s.ledger.row.Secret, a.user, a.request.IdempotencyKey); same != a.SameKey {
			return fmt.Errorf("the same key: %t, want %t", a.SameKey, same)
		}
	}
	if limit := a.from.Add(-sale.Lease - lookUpAfter); cancelled && at.Before(limit) && !s.faulty(postgres, at, a.to) && !s.restarted(a) {
		return fmt.Errorf("the order was cancelled %s before the request", a.from.Sub(at))
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

// checkOwner: while Postgres answers, a shopper who has an order that the processes know the whole time is answered with it.
func (s *scriptWorld) checkOwner(a *answered) error {
	since := a.from.Add(-2*sale.Lease - clockTolerance)
	if s.faulty(postgres, since, a.to) || s.faulty(replies, since, a.to) || s.faulty(disturbance, since, a.to) || a.request.Async {
		return nil
	}
	for _, o := range s.live(a.user) {
		switch {
		case o.Generation != s.ledger.row.Generation || !o.DecidedAt.Before(a.from.Add(-toldTime)):
		case a.Reason == sale.ReasonAllClaimed && s.faulty(redis, since.Add(-2*sale.Lease), a.to):
			// Redis has lost the owner and has other holders, until it is reconciled.
		case a.Kind != sale.Bought && a.Kind != sale.AlreadyBought || a.Receipt.OrderID != o.OrderID:
			return fmt.Errorf("an owner, since %s, of order %s did not get the receipt", a.from.Sub(o.DecidedAt), o.OrderID)
		}
	}
	return nil
}

// checkPending: the log has the claim where the answer says.
func (s *scriptWorld) checkPending(a *answered) error {
	written := s.log.written()
	if at := a.Position; at == nil || at.Offset >= int64(len(written)) || written[at.Offset].ID != a.ClaimID {
		return fmt.Errorf("the log does not have the claim at %v", at)
	}
	return nil
}

// checkRefusal: the reason was true while the request was under way, or within the lease before. A claim that is called
// declined was declined.
func (s *scriptWorld) checkRefusal(a *answered) error {
	if a.ClaimID != uuid.Nil {
		if v := s.verdict(a.ClaimID); v == nil || v.Outcome != events.Declined {
			return fmt.Errorf("the claim was not declined: %+v", v)
		}
	}
	from := a.from.Add(-sale.Lease)
	if s.postgresAway(from, a.to) {
		return fmt.Errorf("refused although Postgres could not be asked for as long as the lease")
	}
	var was func(m moment) bool
	switch a.Reason {
	case sale.ReasonSoldOut:
		was = func(m moment) bool { return m.taken >= m.total }
	case sale.ReasonPaused:
		was = func(m moment) bool { return m.state == sale.Paused }
	case sale.ReasonEnded:
		was = func(m moment) bool { return m.state == sale.Closing || m.state == sale.Closed }
	case sale.ReasonGenerationChanged:
		first := s.moments[0].generation
		was = func(m moment) bool { return m.generation > first }
	case sale.ReasonAllClaimed:
		s.mu.Lock()
		defer s.mu.Unlock()
		if !slices.ContainsFunc(s.full[a.user], func(at time.Time) bool { return !at.Before(a.from) && !at.After(a.to) }) {
			return fmt.Errorf("all claimed, and Redis did not say so")
		}
		return nil
	case events.ReasonNotStarted, events.ReasonAlreadyOwns, events.ReasonUndecidable, events.ReasonOther:
	}
	if was == nil {
		return fmt.Errorf("nothing in this script can be the reason")
	}
	if !s.was(from, a.to, was) {
		return fmt.Errorf("the reason was not true within the lease")
	}
	return nil
}

// postgresAway is true when Postgres answered nobody in all that time.
func (s *scriptWorld) postgresAway(from, to time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.how[postgres] != refuses && s.how[postgres] != silent {
		return false
	}
	all := s.periods[postgres]
	return all[len(all)-1].from.Before(from.Add(-10 * time.Millisecond))
}

// checkUnavailable: if nothing fails, every claim gets a verdict in time.
func (s *scriptWorld) checkUnavailable(a *answered) error {
	from := a.from.Add(-3 * time.Second)
	if from.Before(s.began) {
		from = s.began
	}
	for _, what := range []string{redis, kafka, postgres, replies, disturbance} {
		if s.faulty(what, from, a.to) {
			return nil
		}
	}
	return fmt.Errorf("no verdict although nothing failed")
}

// checkEnd is what must be true when everything works and nothing is under way.
func (s *scriptWorld) checkEnd() error {
	if err := s.checkPlaces(); err != nil {
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
	for _, p := range s.all() {
		for n := range scriptShoppers {
			if err := s.checkLastRequest(p, scriptShoppers[n]); err != nil {
				return fmt.Errorf("at the end: %w", err)
			}
		}
		if n := p.pending.count.Load(); n != 0 {
			return fmt.Errorf("%d claims are pending at process %d at the end", n, p.number)
		}
	}
	return s.check()
}

// checkPlaces: invariant I4.
func (s *scriptWorld) checkPlaces() error {
	k := s.ledger.row.Key
	holders, limit := s.holders(k)
	owners, total := s.owners(k)
	if _, loaded := s.limit(k); !loaded {
		return nil // nobody has asked for a place yet
	}
	if len(holders) != len(owners) || int64(limit) != total {
		return fmt.Errorf("at the end the holders are %v of %d, the owners %v of %d", holders, limit, owners, total)
	}
	return nil
}

// checkLastRequest: when everything works there is exactly one right answer.
func (s *scriptWorld) checkLastRequest(p *scriptProcess, name string) error {
	a := answered{process: p, request: sale.PurchaseRequest{Slug: "flash", Name: name}, user: s.accounts.shopper(name).ID, from: time.Now()}
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
	case s.accounts.shopper(name).Archived:
		want = sale.UnknownShopper
	}
	a.Answer = p.Buy(context.Background(), a.request)
	a.to = time.Now()
	s.mu.Lock()
	s.answers = append(s.answers, a)
	s.mu.Unlock()
	if a.Kind != want || a.Reason != reason {
		return fmt.Errorf("want %s %s\n%s", want, reason, &a)
	}
	// Other processes see it at their next refresh.
	time.Sleep(refreshEvery + clockTolerance)
	return nil
}
