package checkout

import (
	"context"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"flashsale/sale"
)

func TestReceiptsOfASaleThatCannotBeBoughtFromAreLoaded(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		s.ledger.sell(s.accounts.shopper("anna"), sale.PurchaseRequest{})
		s.ledger.sell(s.accounts.shopper("dora"), sale.PurchaseRequest{})
		p.run(t)
		time.Sleep(2 * refreshEvery)
		if n := s.calls.of("orders"); n != 0 {
			t.Fatalf("%d loads while the sale can be bought from", n)
		}
		p.readChanges(t)
		synctest.Wait()
		if s.calls.of("orders") != 1 || s.calls.of("warm") != 1 {
			t.Errorf("calls %v", s.calls.all())
		}
		before := s.calls.all()
		expect(t, p.press("anna"), sale.AlreadyBought, "")
		expect(t, p.press("dora"), sale.AlreadyBought, "")
		expect(t, p.press("ben"), sale.Refused, sale.ReasonSoldOut)
		expect(t, p.press("nobody"), sale.Refused, sale.ReasonSoldOut)
		time.Sleep(10 * refreshEvery)
		if after := s.calls.all(); !maps.Equal(before, after) {
			t.Errorf("a complete receipt cache costs questions: %v, then %v", before, after)
		}
	})
}

func TestARequestThatFindsNoReceiptsHasThemLoaded(t *testing.T) {
	inFakeTime(t, 0, func(t *testing.T, _ *simulatedServers, p *process) {
		p.run(t)
		synctest.Wait()
		receipts := p.catalog.find("").receipts
		receipts.clear()
		synctest.Wait()
		if receipts.complete(10) {
			t.Fatal("the receipt cache was loaded without being asked for")
		}
		expect(t, p.press("anna"), sale.Refused, sale.ReasonSoldOut)
		synctest.Wait()
		if !receipts.complete(10) {
			t.Error("the next request has to ask again")
		}
	})
}

// After a failure the ledger is asked again after a pause, and not at every change.
func TestALoadThatFailsIsTriedAgain(t *testing.T) {
	for name, away := range map[string]func(s *simulatedServers) *fault{
		"orders": func(s *simulatedServers) *fault { return &s.ledger.fault },
		"names":  func(s *simulatedServers) *fault { return &s.accounts.fault },
	} {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
				s.ledger.sell(s.accounts.shopper("dora"), sale.PurchaseRequest{})
				p.readChanges(t)
				away(s).fails(errAway)
				p.run(t)
				for range 100 {
					time.Sleep(refreshEvery / 10)
					p.requestLoad(p.catalog.find("").receipts)
					p.catalog.subscribers.notify()
				}
				if n := s.calls.of("orders"); n < 9 || n > 11 {
					t.Errorf("%d tries in ten pauses", n)
				}
				if p.catalog.find("").receipts.complete(11) {
					t.Error("the receipt cache is complete without its receipts")
				}
				away(s).fails(nil)
				time.Sleep(refreshEvery)
				synctest.Wait()
				expect(t, p.press("dora"), sale.AlreadyBought, "")
				if !p.catalog.find("").receipts.complete(11) {
					t.Error("the receipt cache is not loaded")
				}
			})
		})
	}
}

func TestACancelledReceiptLeavesTheCache(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		first := p.press("anna")
		second := p.press("ben")
		p.run(t)
		synctest.Wait()
		expect(t, p.press("anna"), sale.AlreadyBought, "")
		s.ledger.cancel(first.Receipt.OrderID)
		p.readChanges(t)
		synctest.Wait()
		// The place is free, so anna buys again with the next attempt, and the sale is sold out once more.
		_ = s.places.Release(t.Context(), saleKey, []int64{1})
		time.Sleep(time.Second)
		p.readChanges(t)
		a := p.press("anna")
		expect(t, a, sale.Bought, "")
		if a.Receipt.OrderID == first.Receipt.OrderID || a.Receipt.Attempt != 2 {
			t.Errorf("the receipt is the old one: %+v", a.Receipt)
		}
		if b := p.press("ben"); b.Kind != sale.AlreadyBought || b.Receipt.OrderID != second.Receipt.OrderID {
			t.Errorf("another owner got %s %+v", b.Kind, b.Receipt)
		}
	})
}

// The sale can be bought from again, and its receipts are suspect: they are dropped, and looked up one by one.
func TestSuspectReceiptsAreNotBelievedForEver(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		bought := p.press("anna")
		s.ledger.cancel(bought.Receipt.OrderID)
		p.readChanges(t)
		if receipts := p.catalog.find("").receipts; !receipts.needsLoad(99, true) {
			t.Fatal("the receipts are not suspect")
		}
		p.loadReceiptCache(t)
		if _, ok := p.catalog.find("").receipts.receipt(saleKey, s.accounts.shopper("anna")); ok {
			t.Error("the cancelled receipt is still there")
		}
		if s.calls.of("orders") != 0 {
			t.Error("the receipt cache of a sale that can be bought from was read")
		}
	})
}

// A load that fails leaves the receipts suspect.
func TestReceiptsStaySuspectWhenALoadFails(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		expect(t, p.press("anna"), sale.Bought, "")
		p.loadReceiptCache(t)
		s.ledger.change(func(*sale.Row) {})
		p.readChanges(t)
		s.ledger.fails(errAway)
		if p.loadReceipts(context.Background(), p.catalog.find("")) == nil {
			t.Fatal("loaded while the ledger is away")
		}
		if p.catalog.find("").receipts.complete(11) {
			t.Error("the receipts are no longer suspect")
		}
		s.ledger.fails(nil)
		p.loadReceiptCache(t)
		if !p.catalog.find("").receipts.complete(11) {
			t.Error("the receipts are still suspect")
		}
	})
}

// A process that serves one sale after the other does not keep the receipts of all of them. Their owners still get them.
func TestTheReceiptsOfAClosedSaleAreDropped(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		bought := p.press("anna")
		expect(t, bought, sale.Bought, "")
		p.run(t)
		s.ledger.change(func(row *sale.Row) { row.State = sale.Closed })
		p.readChanges(t)
		time.Sleep(receiptsKept - time.Minute)
		p.readChanges(t)
		synctest.Wait()
		loaded := p.catalog.find("").receipts
		if !loaded.complete(11) {
			t.Fatal("the receipt cache is dropped too early, or was never loaded")
		}
		time.Sleep(2 * time.Minute)
		p.readChanges(t)
		synctest.Wait()
		if receipts := p.catalog.find("").receipts; !receipts.empty() || receipts.complete(11) {
			t.Fatal("the receipt cache is still there")
		}
		if _, ok := loaded.receipt(saleKey, s.accounts.shopper("anna")); !ok {
			t.Error("a request that was under way lost its receipt")
		}
		loads := s.calls.of("orders")
		time.Sleep(10 * refreshEvery)
		if n := s.calls.of("orders"); n != loads {
			t.Errorf("%d loads that nobody asked for", n-loads)
		}

		p.readChanges(t)
		if a := p.press("anna"); a.Kind != sale.AlreadyBought || a.Receipt.OrderID != bought.Receipt.OrderID {
			t.Errorf("the owner got %s %+v", a.Kind, a.Receipt)
		}
		synctest.Wait()
		if !p.catalog.find("").receipts.complete(11) {
			t.Error("the receipt cache is not read again although somebody asked")
		}
		before := s.calls.of("receipts")
		expect(t, p.press("ben"), sale.Refused, sale.ReasonEnded)
		if n := s.calls.of("receipts"); n != before {
			t.Error("a loser costs a question although the receipt cache is complete")
		}
		time.Sleep(receiptsKept + time.Second)
		p.readChanges(t)
		synctest.Wait()
		if !p.catalog.find("").receipts.empty() {
			t.Error("the receipt cache that was read again stays for ever")
		}
	})
}

// A closed sale whose receipts were dropped is opened again: its owners get their receipts, and the units left are sold.
func TestASaleOpenedAgainAfterItsReceiptsWereDropped(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		bought := p.press("anna")
		p.run(t)
		s.ledger.change(func(row *sale.Row) { row.State = sale.Closed })
		p.readChanges(t)
		time.Sleep(receiptsKept + time.Second)
		p.readChanges(t)
		synctest.Wait()
		s.ledger.change(func(row *sale.Row) { row.State = sale.Open })
		p.readChanges(t)
		synctest.Wait()
		if a := p.press("anna"); a.Kind != sale.AlreadyBought || a.Receipt.OrderID != bought.Receipt.OrderID {
			t.Errorf("the owner got %s %+v", a.Kind, a.Receipt)
		}
		expect(t, p.press("ben"), sale.Bought, "")
		p.readChanges(t)
		synctest.Wait()
		if !p.catalog.find("").receipts.complete(12) {
			t.Fatal("the receipt cache of the sold-out sale is not loaded")
		}
		expect(t, p.press("anna"), sale.AlreadyBought, "")
		expect(t, p.press("ben"), sale.AlreadyBought, "")
		expect(t, p.press("cleo"), sale.Refused, sale.ReasonSoldOut)
	})
}

// A process that starts long after a sale does not read its receipts until somebody asks.
func TestTheReceiptsOfASaleLongOverAreNotLoadedByThemselves(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		s.ledger.sell(s.accounts.shopper("anna"), sale.PurchaseRequest{})
		s.ledger.change(func(row *sale.Row) { row.State, row.EndsAt = sale.Closed, time.Now().Add(-time.Hour) })
		p.readChanges(t)
		p.run(t)
		time.Sleep(2 * refreshEvery)
		if n := s.calls.of("orders"); n != 0 {
			t.Fatalf("%d loads", n)
		}
		p.readChanges(t)
		expect(t, p.press("anna"), sale.AlreadyBought, "")
		synctest.Wait()
		if s.calls.of("orders") != 1 || !p.catalog.find("").receipts.complete(11) {
			t.Error("the receipt cache is not read although somebody asked")
		}
	})
}

// Every commit was announced to the process, so at the end of the sale it has all receipts, and reads none.
func TestTheEndOfASaleWhoseCommitsWereAllAnnouncedReadsNoOrders(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		p.run(t)
		expect(t, p.press("anna"), sale.Bought, "")
		expect(t, p.press("ben"), sale.Bought, "")
		synctest.Wait()
		time.Sleep(refreshEvery)
		e := p.catalog.find("")
		if !e.receipts.complete(e.Level.Version) {
			t.Fatal("the receipt cache is not complete")
		}
		expect(t, p.press("anna"), sale.AlreadyBought, "")
		expect(t, p.press("cleo"), sale.Refused, sale.ReasonSoldOut)
		if n := s.calls.of("orders"); n != 0 {
			t.Errorf("%d reads of all orders", n)
		}
	})
}
