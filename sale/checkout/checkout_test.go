package checkout

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

// metric is the value of a metric that stands alone.
func metric(t *testing.T, from prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// lose is a Redis that comes back empty.
func (p *memoryPlaces) lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.missing, p.holders = true, make(map[sale.Key]map[int64]bool)
}

func (p *memoryPlaces) isHolder(user int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.holders[sale.Key{Sale: flashSale, Generation: 1}][user]
}

// start runs the checkout until the test ends.
func (p *process) start(t testing.TB) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = p.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
}

func TestClaimsUnderWayAreCounted(t *testing.T) {
	bubble(t, 2, func(t *testing.T, s *memoryServers, _ *process) {
		registry := prometheus.NewRegistry()
		p := s.process(t, func(d *Deps) { d.Registerer = registry })
		s.log.pause()
		a, b := p.later(sale.PurchaseRequest{Name: "anna"}), p.later(sale.PurchaseRequest{Name: "ben"})
		synctest.Wait()
		if n := metric(t, registry, "flashsale_undecided_claims"); n != 2 {
			t.Errorf("%v claims under way, want 2", n)
		}
		<-a
		<-b
		if n := metric(t, registry, "flashsale_undecided_claims"); n != 0 {
			t.Errorf("%v claims under way, want none", n)
		}
	})
}

func TestTheLedgerDecidesThroughTheCheckout(t *testing.T) {
	bubble(t, 1, func(t *testing.T, s *memoryServers, p *process) {
		claim := p.claimOf(s, "anna", 1)
		d, err := p.DecideTx(t.Context(), nil, events.FromLog, []events.Claim{claim})
		if err != nil || len(d.Verdicts) != 1 || d.Verdicts[0].Unit != 1 {
			t.Errorf("decided %+v, %v", d, err)
		}
		found, err := p.Verdicts(t.Context(), []uuid.UUID{claim.ID, uuid.New()})
		if err != nil || len(found) != 1 || found[0].ClaimID != claim.ID || found[0].Fresh {
			t.Errorf("found %+v, %v", found, err)
		}
		v, err := p.DeclineTx(t.Context(), nil, claim, events.ReasonUndecidable)
		if err != nil || v.Reason != events.ReasonUndecidable {
			t.Errorf("declined %+v, %v", v, err)
		}
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	bubble(t, 1, func(t *testing.T, _ *memoryServers, p *process) {
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		time.Sleep(time.Second)
		stop()
		began := time.Now()
		if err := <-ended; err != nil || time.Since(began) != 0 {
			t.Errorf("ended with %v after %v", err, time.Since(began))
		}
	})
}

// Everything fails now and then while shoppers press until they are told for good. No unit is sold twice, nobody has
// two, what was answered stays true, and only one press of a shopper says that it bought.
func TestWhatWasAnsweredStaysTrue(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, 12, func(t *testing.T, s *memoryServers, p *process) {
				const shoppers, fingers = 40, 3
				s.enroll(shoppers)
				p.start(t)
				random := rand.New(rand.NewPCG(seed, 7))
				answers := make([][]sale.Answer, shoppers)
				var all sync.WaitGroup
				var mu sync.Mutex
				for i := range shoppers {
					for range fingers {
						all.Go(func() {
							time.Sleep(time.Duration(i) * 40 * time.Millisecond)
							got := p.insist(t, fmt.Sprintf("s%d", i))
							mu.Lock()
							defer mu.Unlock()
							answers[i] = append(answers[i], got...)
						})
					}
				}
				for range 40 {
					time.Sleep(time.Duration(random.IntN(120)) * time.Millisecond)
					s.upset(random)
					_ = p.catalog.refresh(t.Context())
				}
				s.calm()
				all.Wait()
				s.audit(t, answers)
			})
		})
	}
}

// insist presses until the answer is final, and gives all answers.
func (p *process) insist(t *testing.T, name string) (all []sale.Answer) {
	for range 200 {
		a := p.press(name)
		all = append(all, a)
		switch {
		case a.Receipt.OrderID != uuid.Nil || a.Reason == sale.ReasonSoldOut:
			return all
		case a.Kind == sale.Refused && a.Reason != sale.ReasonAllClaimed:
			t.Errorf("%s was refused: %s", name, a.Reason)
		}
		time.Sleep(max(a.RetryAfter, 100*time.Millisecond))
		_ = p.catalog.refresh(t.Context())
	}
	t.Errorf("%s got no final answer in 200 presses: %+v", name, all[len(all)-1])
	return all
}

// upset changes the moods of the servers at random.
func (s *memoryServers) upset(random *rand.Rand) {
	for _, m := range []*mood{&s.ledger.mood, &s.log.mood, &s.places.mood, &s.places.rebuilding, &s.places.releasing} {
		late := time.Duration(1+random.IntN(20)) * time.Millisecond
		switch random.IntN(6) {
		case 0:
			m.fails(errAway)
		case 1:
			m.acts(hangsFor(time.Second))
		default:
			m.acts(hangsFor(late))
		}
	}
	if random.IntN(8) == 0 {
		s.places.lose()
	}
	if random.IntN(4) == 0 {
		s.log.pause()
	} else {
		s.log.resume()
	}
}

// hangsFor is a server that takes so long, if the caller does.
func hangsFor(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d):
			return nil
		}
	}
}

func (s *memoryServers) calm() {
	for _, m := range []*mood{&s.ledger.mood, &s.log.mood, &s.places.mood, &s.places.rebuilding, &s.places.releasing} {
		m.fails(nil)
	}
	s.log.resume()
}

// audit compares the answers with the ledger.
func (s *memoryServers) audit(t *testing.T, answers [][]sale.Answer) {
	t.Helper()
	level := s.ledger.step.Levels[saleKey]
	units := make(map[int64]int)
	for i, of := range answers {
		bought := 0
		var receipt sale.Receipt
		for _, a := range of {
			if a.Kind == sale.Bought {
				bought++
			}
			if a.Receipt.OrderID == uuid.Nil {
				continue
			}
			if receipt.OrderID != uuid.Nil && (receipt.OrderID != a.Receipt.OrderID || receipt.Unit != a.Receipt.Unit) {
				t.Errorf("shopper %d has two receipts: %+v and %+v", i, receipt, a.Receipt)
			}
			receipt = a.Receipt
			if row := s.ledger.rows[receipt.OrderID]; row == nil || row.Unit != receipt.Unit {
				t.Errorf("shopper %d was told of an order that does not exist: %+v", i, receipt)
			}
		}
		if bought > 1 {
			t.Errorf("%d presses of shopper %d say that they bought", bought, i)
		}
		if receipt.OrderID != uuid.Nil {
			units[receipt.Unit]++
		}
	}
	if level.Taken > level.Total || len(units) != int(level.Taken) {
		t.Errorf("%d units answered, %d taken of %d", len(units), level.Taken, level.Total)
	}
	for unit, n := range units {
		if n > 1 {
			t.Errorf("unit %d was sold %d times", unit, n)
		}
	}
}

// DecideTx is a whole decision within a transaction of the test's own.
func (c *Checkout) DecideTx(ctx context.Context, tx pgx.Tx, src events.Source, claims []events.Claim) (events.Decision, error) {
	return saletest.Decide(ctx, tx, c.Prepare, src, claims)
}
