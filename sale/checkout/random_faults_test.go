package checkout

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"flashsale/sale"
)

// Every server fails now and then while shoppers press until the answer is final. No unit is sold twice, nobody has two, what
// was answered stays true, and only one request of a shopper is answered that it bought.
func TestAnswersStayTrueUnderRandomFaults(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inFakeTime(t, 12, func(t *testing.T, s *simulatedServers, p *process) {
				const shoppers, requests = 40, 3
				s.addShoppers(shoppers)
				p.runAll(t)
				random := rand.New(rand.NewPCG(seed, 7))
				answers := make([][]sale.Answer, shoppers)
				var all sync.WaitGroup
				var mu sync.Mutex
				for i := range shoppers {
					for range requests {
						all.Go(func() {
							time.Sleep(time.Duration(i) * 40 * time.Millisecond)
							got := p.pressUntilFinal(t, shopperName(i))
							mu.Lock()
							defer mu.Unlock()
							answers[i] = append(answers[i], got...)
						})
					}
				}
				for range 40 {
					time.Sleep(time.Duration(random.IntN(120)) * time.Millisecond)
					s.failAtRandom(random)
				}
				s.endFaults()
				all.Wait()
				for i := range answers {
					answers[i] = append(answers[i], p.press(shopperName(i)))
				}
				s.checkAnswers(t, answers)
			})
		})
	}
}

// pressUntilFinal presses until the answer is final, and lists all answers.
func (p *process) pressUntilFinal(t *testing.T, name string) (all []sale.Answer) {
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
	}
	t.Errorf("%s got no final answer to 200 requests: %+v", name, all[len(all)-1])
	return all
}

// failAtRandom changes at random how each server answers, whether Redis is empty, and who consumes the log.
func (s *simulatedServers) failAtRandom(random *rand.Rand) {
	for _, f := range []*fault{&s.ledger.fault, &s.log.fault, &s.places.fault, &s.places.loadFault, &s.places.releaseFault} {
		late := time.Duration(1+random.IntN(20)) * time.Millisecond
		switch random.IntN(6) {
		case 0:
			f.fails(errAway)
		case 1:
			f.acts(takes(time.Second))
		default:
			f.acts(takes(late))
		}
	}
	if random.IntN(8) == 0 {
		s.places.loseAll()
	}
	if random.IntN(4) == 0 {
		s.log.pauseConsumer()
	} else {
		s.log.resumeConsumer()
	}
	s.ledger.losesDecisions(random.IntN(3) == 0)
}

func (s *simulatedServers) endFaults() {
	s.takes(time.Millisecond)
	s.ledger.losesDecisions(false)
	s.log.resumeConsumer()
}

// checkAnswers compares the answers with the ledger.
func (s *simulatedServers) checkAnswers(t *testing.T, answers [][]sale.Answer) {
	t.Helper()
	level := s.ledger.state.Levels[saleKey]
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
			if row := s.ledger.orders[receipt.OrderID]; row == nil || row.Unit != receipt.Unit {
				t.Errorf("shopper %d got a receipt for an order that does not exist: %+v", i, receipt)
			}
		}
		if bought > 1 {
			t.Errorf("%d requests of shopper %d are answered that they bought", bought, i)
		}
		if last := of[len(of)-1]; (last.Kind == sale.AlreadyBought) != (receipt.OrderID != uuid.Nil) {
			t.Errorf("shopper %d, who has the receipt %+v, got %s in the end", i, receipt, last.Kind)
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
