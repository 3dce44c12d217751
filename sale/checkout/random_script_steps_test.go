package checkout

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
)

// at is the process that the step is for.
func (s *scriptWorld) at(st step) *scriptProcess { return s.all()[st.process%len(s.all())] }

func (s *scriptWorld) press(st step) { s.pressWith(st, sale.PurchaseRequest{}) }

func (s *scriptWorld) pressWith(st step, request sale.PurchaseRequest) {
	request.Slug, request.Name = "flash", scriptShoppers[st.shopper]
	p := s.at(st)
	s.running.Go(func() {
		a := answered{process: p, request: request, user: s.accounts.shopper(request.Name).ID, from: time.Now()}
		a.Answer = p.Buy(context.Background(), request)
		a.to = time.Now()
		if p.dead.Load() {
			return // the connection of the shopper is broken
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.answers = append(s.answers, a)
	})
}

func (s *scriptWorld) pressAll(st step) {
	for st.shopper = range scriptShoppers {
		s.press(st)
	}
}

// archivedPeriod is the name of the periods in which somebody's account was archived.
func archivedPeriod(name string) string { return "account of " + name }

func (s *scriptWorld) archive(st step) {
	name := scriptShoppers[st.shopper]
	if s.accounts.shopper(name).Archived {
		return
	}
	s.mu.Lock()
	s.periods[archivedPeriod(name)] = append(s.periods[archivedPeriod(name)], faultPeriod{from: time.Now()})
	s.mu.Unlock()
	s.accounts.archive(name, true)
}

func (s *scriptWorld) revive(st step) {
	name := scriptShoppers[st.shopper]
	if !s.accounts.shopper(name).Archived {
		return
	}
	s.accounts.archive(name, false)
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.periods[archivedPeriod(name)]
	all[len(all)-1].to = time.Now()
}

// noteDisturbance notes that something has happened after which a request may be answered without a verdict, or the reconciler
// may have to free a place, though every server works.
func (s *scriptWorld) noteDisturbance() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unplaced = true
	s.periods[disturbance] = append(s.periods[disturbance], faultPeriod{losesReplies, time.Now(), time.Now()})
}

// changeRedis changes what Redis has for the present generation, and counts as a fault of Redis.
func (s *scriptWorld) changeRedis(do func(p *simulatedPlaces, k sale.Key)) {
	how := s.condition(redis)
	s.setCondition(redis, losesReplies)
	defer s.setCondition(redis, how)
	s.ledger.mu.Lock()
	k := s.ledger.row.Key
	s.ledger.mu.Unlock()
	s.places.mu.Lock()
	defer s.places.mu.Unlock()
	do(s.places, k)
}

func (s *scriptWorld) emptyRedis(step) {
	s.changeRedis(func(p *simulatedPlaces, _ sale.Key) { clear(p.limits); clear(p.holders) })
}

func (s *scriptWorld) dumpRedis(step) {
	s.places.mu.Lock()
	defer s.places.mu.Unlock()
	s.saved = copyOf(s.places)
}

func (s *scriptWorld) restoreRedis(step) {
	s.changeRedis(func(p *simulatedPlaces, _ sale.Key) {
		then := copyOf(&simulatedPlaces{limits: s.saved.limits, holders: s.saved.holders})
		p.limits, p.holders = then.limits, then.holders
	})
}

// keys is all that Redis has.
type keys struct {
	limits  map[sale.Key]int
	holders map[sale.Key]map[int64]bool
}

func copyOf(p *simulatedPlaces) keys {
	c := keys{limits: make(map[sale.Key]int), holders: make(map[sale.Key]map[int64]bool)}
	maps.Copy(c.limits, p.limits)
	for k, all := range p.holders {
		c.holders[k] = maps.Clone(all)
	}
	return c
}

// addForeignHolders gives places to shoppers who have no account and no claim.
func (s *scriptWorld) addForeignHolders(st step) {
	s.changeRedis(func(p *simulatedPlaces, k sale.Key) {
		if p.holders[k] == nil {
			return
		}
		for i := range st.number {
			p.holders[k][int64(1000+i)] = true
		}
	})
}

// repeatRecord writes a record of the log once more, as a producer does whose acknowledgement was lost.
func (s *scriptWorld) repeatRecord(st step) {
	if all := s.log.written(); len(all) > 0 {
		_, _ = s.log.Append(context.Background(), 3, all[st.number%len(all)])
		s.wakeConsumers()
	}
}

// readAgain has the whole log read again, as when it has become another one.
func (s *scriptWorld) readAgain(step) {
	s.log.mu.Lock()
	s.log.cursor = 0
	s.log.mu.Unlock()
	s.wakeConsumers()
}

// loseReplies has the replies to the next commits be lost.
func (s *scriptWorld) loseReplies(st step) {
	s.setCondition(replies, losesReplies)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = 1 + st.number
}

// refresh shows an operator's act on the process where it was made.
func (s *scriptWorld) refresh(st step) {
	p := s.at(st)
	s.running.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = p.catalog.Refresh(ctx)
	})
}

func (s *scriptWorld) move(st step, to sale.State, from ...sale.State) {
	s.ledger.change(func(row *sale.Row) {
		if !slices.Contains(from, row.State) {
			return
		}
		row.State = to
		if to == sale.Closing {
			row.ClosingVersion = row.Version + 1
		}
	})
	s.refresh(st)
}

func (s *scriptWorld) reset(st step) {
	s.noteDisturbance()
	s.ledger.change(func(row *sale.Row) { row.Generation++; row.State = sale.Open })
	s.ledger.resize(int64(st.number))
	s.refresh(st)
}

// cancel cancels an order of the shopper, in the present generation if there is one.
func (s *scriptWorld) cancel(st step) {
	live := s.live(s.accounts.shopper(scriptShoppers[st.shopper]).ID)
	if len(live) == 0 {
		return
	}
	o := live[len(live)-1]
	s.mu.Lock()
	s.cancelled[o.OrderID] = time.Now()
	s.mu.Unlock()
	s.noteDisturbance()
	s.ledger.cancel(o.OrderID)
	p := s.at(st)
	s.running.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if p.catalog.Refresh(ctx) == nil {
			_ = p.Cancelled(ctx, o.Receipt)
		}
	})
}

// live lists the live orders of a shopper, or of all (0), oldest generation first.
func (s *scriptWorld) live(user int64) []sale.OrderRow {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	var all []sale.OrderRow
	for _, o := range s.ledger.orders {
		if o.Live && (user == 0 || o.UserID == user) {
			all = append(all, *o)
		}
	}
	slices.SortFunc(all, func(a, p sale.OrderRow) int {
		return cmp.Or(cmp.Compare(a.Generation, p.Generation), cmp.Compare(a.Unit, p.Unit))
	})
	return all
}

// row is an order, live or not; nil when there is none.
func (s *scriptWorld) row(id uuid.UUID) *sale.OrderRow {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	o := s.ledger.orders[id]
	if o == nil {
		return nil
	}
	found := *o
	return &found
}

// verdict is what the ledger has decided about a claim; nil when it has not.
func (s *scriptWorld) verdict(id uuid.UUID) *events.Verdict {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	v := s.ledger.state.Verdicts[id]
	if v == nil {
		return nil
	}
	found := *v
	return &found
}

// endFaults has everything work again, with one consumer at least.
func (s *scriptWorld) endFaults() {
	for _, server := range []string{redis, kafka, postgres, replies, messages} {
		s.setCondition(server, working)
	}
	s.mu.Lock()
	s.lost = 0
	s.mu.Unlock()
	s.all()[0].consumes.Store(true)
	s.wakeConsumers()
}
