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

// The steps of a script.

func (s *scriptWorld) at(st step) *scriptProcess { return s.all()[st.process%len(s.all())] }

func (s *scriptWorld) press(st step) { s.pressWith(st, sale.PurchaseRequest{}) }

func (s *scriptWorld) pressWith(st step, press sale.PurchaseRequest) {
	press.Slug, press.Name = "flash", customers[st.shopper]
	b := s.at(st)
	s.running.Go(func() {
		a := answered{process: b, press: press, user: s.names.shopper(press.Name).ID, from: time.Now()}
		a.Answer = b.Buy(context.Background(), press)
		a.to = time.Now()
		if b.dead.Load() {
			return // its shopper sees a broken connection
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.answers = append(s.answers, a)
	})
}

func (s *scriptWorld) rush(st step) {
	for st.shopper = range customers {
		s.press(st)
	}
}

// disturb notes that something has happened that may cost a shopper who presses now the answer, or leave a place to the
// reconciler, though no server was ill.
func (s *scriptWorld) disturb() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaks = true
	s.spells[disturbance] = append(s.spells[disturbance], faultPeriod{mute, time.Now(), time.Now()})
}

// meddle changes what Redis has for the present generation, and counts as an illness of it.
func (s *scriptWorld) meddle(do func(p *memoryPlaces, k sale.Key)) {
	how := s.condition(redis)
	s.turn(redis, mute)
	defer s.turn(redis, how)
	s.ledger.mu.Lock()
	k := s.ledger.row.Key
	s.ledger.mu.Unlock()
	s.places.mu.Lock()
	defer s.places.mu.Unlock()
	do(s.places, k)
}

func (s *scriptWorld) forget(step) {
	s.meddle(func(p *memoryPlaces, _ sale.Key) { clear(p.rooms); clear(p.holders) })
}

func (s *scriptWorld) dump(step) {
	s.places.mu.Lock()
	defer s.places.mu.Unlock()
	s.saved = copyOf(s.places)
}

func (s *scriptWorld) rollBack(step) {
	s.meddle(func(p *memoryPlaces, _ sale.Key) {
		then := copyOf(&memoryPlaces{rooms: s.saved.rooms, holders: s.saved.holders})
		p.rooms, p.holders = then.rooms, then.holders
	})
}

// keys is all that Redis has.
type keys struct {
	rooms   map[sale.Key]int
	holders map[sale.Key]map[int64]bool
}

func copyOf(p *memoryPlaces) keys {
	c := keys{rooms: make(map[sale.Key]int), holders: make(map[sale.Key]map[int64]bool)}
	maps.Copy(c.rooms, p.rooms)
	for k, all := range p.holders {
		c.holders[k] = maps.Clone(all)
	}
	return c
}

func (s *scriptWorld) strangers(st step) {
	s.meddle(func(p *memoryPlaces, k sale.Key) {
		if p.holders[k] == nil {
			return
		}
		for i := range st.number {
			p.holders[k][int64(1000+i)] = true
		}
	})
}

// repeat writes a record of the log once more, as a producer does that did not hear of its success.
func (s *scriptWorld) repeat(st step) {
	if all := s.log.written(); len(all) > 0 {
		_, _ = s.log.Append(context.Background(), 3, all[st.number%len(all)])
		s.rouse()
	}
}

// replay has everything in the log come again, as when the log has become another one.
func (s *scriptWorld) replay(step) {
	s.log.mu.Lock()
	s.log.cursor = 0
	s.log.mu.Unlock()
	s.rouse()
}

// unheard has the replies to the next commits lost.
func (s *scriptWorld) unheard(st step) {
	s.turn(replies, mute)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = 1 + st.number
}

// refresh shows an operator's action on the process where it was made.
func (s *scriptWorld) refresh(st step) {
	b := s.at(st)
	s.running.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = b.catalog.Refresh(ctx)
	})
}

func (s *scriptWorld) move(st step, to sale.State, from ...sale.State) {
	s.ledger.change(func(sh *sale.Row) {
		if !slices.Contains(from, sh.State) {
			return
		}
		sh.State = to
		if to == sale.Closing {
			sh.ClosingVersion = sh.Version + 1
		}
	})
	s.refresh(st)
}

func (s *scriptWorld) reset(st step) {
	s.disturb()
	s.ledger.change(func(sh *sale.Row) { sh.Generation++; sh.State = sale.Open })
	s.ledger.resize(int64(st.number))
	s.refresh(st)
}

// cancel takes back an order of the shopper, of the present generation if there is one.
func (s *scriptWorld) cancel(st step) {
	live := s.live(s.names.shopper(customers[st.shopper]).ID)
	if len(live) == 0 {
		return
	}
	o := live[len(live)-1]
	s.mu.Lock()
	s.cancelled[o.OrderID] = time.Now()
	s.mu.Unlock()
	s.disturb()
	s.ledger.cancel(o.OrderID)
	b := s.at(st)
	s.running.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if b.catalog.Refresh(ctx) == nil {
			_ = b.Cancelled(ctx, o.Receipt)
		}
	})
}

// live lists the live orders of a shopper, or of all (0), oldest generation first.
func (s *scriptWorld) live(user int64) []sale.OrderRow {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	var all []sale.OrderRow
	for _, o := range s.ledger.rows {
		if o.Live && (user == 0 || o.UserID == user) {
			all = append(all, *o)
		}
	}
	slices.SortFunc(all, func(a, b sale.OrderRow) int {
		return cmp.Or(cmp.Compare(a.Generation, b.Generation), cmp.Compare(a.Unit, b.Unit))
	})
	return all
}

// row is an order, live or not; nil when there is none.
func (s *scriptWorld) row(id uuid.UUID) *sale.OrderRow {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	o := s.ledger.rows[id]
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
	v := s.ledger.step.Verdicts[id]
	if v == nil {
		return nil
	}
	found := *v
	return &found
}

// heal makes everything well, and waits until what was under way is over.
func (s *scriptWorld) heal() {
	for _, server := range []string{redis, kafka, postgres, replies, theBus} {
		s.turn(server, well)
	}
	s.mu.Lock()
	s.lost = 0
	s.mu.Unlock()
	s.all()[0].consumes.Store(true)
	s.rouse()
}
