package checkout

import (
	"context"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
)

// shut are the states of a sale in which nobody can buy, the units left, and what losers are told.
var notBuyable = map[string]struct {
	set    func(*sale.Row)
	left   int64
	reason sale.Reason
}{
	"draft":           {func(s *sale.Row) { s.State = sale.Draft }, 1, sale.ReasonNotStarted},
	"not started":     {func(s *sale.Row) { s.State, s.StartsAt = sale.Scheduled, s.StartsAt.Add(90*time.Minute) }, 1, sale.ReasonNotStarted},
	"paused":          {func(s *sale.Row) { s.State = sale.Paused }, 1, sale.ReasonPaused},
	"sold out":        {func(*sale.Row) {}, 0, sale.ReasonSoldOut},
	"past its end":    {func(s *sale.Row) { s.EndsAt = s.StartsAt.Add(time.Minute) }, 1, sale.ReasonEnded},
	"closing":         {func(s *sale.Row) { s.State = sale.Closing }, 1, sale.ReasonEnded},
	"closed":          {func(s *sale.Row) { s.State = sale.Closed }, 1, sale.ReasonEnded},
	"paused and over": {func(s *sale.Row) { s.State, s.EndsAt = sale.Paused, s.StartsAt.Add(time.Minute) }, 1, sale.ReasonEnded},
}

func TestAClaimSaysWhatThePressWas(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		a := p.Buy(t.Context(), sale.PurchaseRequest{Slug: "flash", Name: "anna", IdempotencyKey: "k", Traceparent: "00-1-2-01"})
		expect(t, a, sale.Bought, "")
		if r := a.Receipt; r.Unit != 1 || r.OrderID != a.ClaimID || r.UserID != 1 || r.Username != "anna" || r.At.IsZero() || a.Sale.Left() != 1 {
			t.Errorf("answer %+v", a)
		}
		secret := p.catalog.find("").Secret
		claim := events.Claim{
			V: events.ClaimVersion, Kind: events.KindClaim, ID: sale.ClaimID(secret, 1, 1, 1), SaleID: flashSale, Generation: 1, UserID: 1,
			Username: "anna", Attempt: 1, IdempotencyKey: sale.IdempotencyKeyID(secret, 1, "k"), Traceparent: "00-1-2-01", PressedAt: a.Sale.Now,
		}
		got := s.log.written()
		if len(got) != 1 || got[0].RequestID == uuid.Nil {
			t.Fatalf("the log has %+v", got)
		}
		if claim.RequestID = got[0].RequestID; got[0] != claim {
			t.Errorf("the log has %+v, want %+v", got, claim)
		}
		if s.calls.of("direct") != 0 || s.calls.of("reserve") != 1 || s.calls.of("verdicts") != 0 {
			t.Errorf("a purchase cost %v", s.calls.all())
		}
	})
}

// Who presses comes first, then one's own receipt, then the state of the sale. Whether this process has the receipts
// in memory makes no difference to the answer, only to its cost.
func TestAnswersHaveAnOrderOfPrecedence(t *testing.T) {
	t.Parallel()
	for name, state := range notBuyable {
		for memory, whole := range map[string]bool{", from memory": true, ", from the ledger": false} {
			t.Run(name+memory, func(t *testing.T) {
				inFakeTime(t, 2+state.left, func(t *testing.T, s *simulatedServers, p *process) {
					anna := s.ledger.sell(s.accounts.shopper("anna"), sale.PurchaseRequest{})
					dora := s.ledger.sell(s.accounts.shopper("dora"), sale.PurchaseRequest{})
					s.ledger.change(state.set)
					p.readChanges(t)
					if whole {
						p.loadReceiptCache(t)
					}
					before := s.calls.all()
					for range 3 {
						for name, v := range map[string]events.Verdict{"anna": anna, "dora": dora} {
							a := p.press(name)
							expect(t, a, sale.AlreadyBought, "")
							if a.Receipt.OrderID != v.ClaimID || a.Receipt.Unit != v.Unit || a.Receipt.Username != name {
								t.Errorf("receipt %+v, want %+v", a.Receipt, v)
							}
						}
						expect(t, p.press("barred"), sale.NotAuthorized, "")
						expect(t, p.press("ben"), sale.Refused, state.reason)
						expect(t, p.press("nobody"), sale.Refused, state.reason)
					}
					if after := s.calls.all(); whole && !maps.Equal(before, after) {
						t.Errorf("nearly all presses are like these, and cost questions: %v, then %v", before, after)
					}
					if s.calls.of("reserve")+s.calls.of("append")+s.calls.of("direct") != 0 {
						t.Errorf("a sale that cannot be bought from cost %v", s.calls.all())
					}
				})
			})
		}
	}
}

func TestOnlyASaleThatRunsTellsUnknownNames(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		expect(t, p.press("barred"), sale.NotAuthorized, "")
		expect(t, p.press("nobody"), sale.UnknownShopper, "")
		if s.calls.of("reserve") != 0 {
			t.Error("they were given a place")
		}
		expect(t, p.press("dora"), sale.Bought, "")
		expect(t, p.press("nobody"), sale.Refused, sale.ReasonSoldOut)
		a := p.Buy(t.Context(), sale.PurchaseRequest{Slug: "another", Name: "anna"})
		if expect(t, a, sale.Unavailable, ""); a.Sale.Slug != "" || a.Username != "anna" {
			t.Errorf("a sale that does not exist: %+v", a)
		}
	})
}

func TestWithoutReceiptsTheLedgerIsAsked(t *testing.T) {
	inFakeTime(t, 0, func(t *testing.T, s *simulatedServers, p *process) {
		expect(t, p.press("anna"), sale.Refused, sale.ReasonSoldOut)
		if s.calls.of("receipts") != 1 || len(p.loadDue) != 1 {
			t.Errorf("%d questions, %d loads asked for", s.calls.of("receipts"), len(p.loadDue))
		}
		s.ledger.fails(errAway)
		expect(t, p.press("anna"), sale.Unavailable, "") // nobody can say whether she is an owner
		s.ledger.acts(hangs)
		began := time.Now()
		expect(t, p.press("anna"), sale.Unavailable, "")
		if time.Since(began) != lookupTime {
			t.Errorf("a ledger that hangs was waited for during %v", time.Since(began))
		}
	})
}

func TestAReceiptThatWasLookedUpIsKept(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		s.ledger.sell(s.accounts.shopper("anna"), sale.PurchaseRequest{})
		p.readChanges(t)
		for range 3 {
			expect(t, p.press("anna"), sale.AlreadyBought, "")
		}
		if s.calls.of("receipts") != 1 {
			t.Errorf("looked up %d times", s.calls.of("receipts"))
		}
	})
}

// A snapshot that nobody could renew is good for sending a claim, and for nothing else.
func TestAStaleSnapshotRefusesNobody(t *testing.T) {
	t.Parallel()
	for name, state := range notBuyable {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 1+state.left, func(t *testing.T, s *simulatedServers, p *process) {
				s.ledger.sell(s.accounts.shopper("anna"), sale.PurchaseRequest{})
				s.ledger.change(state.set)
				p.readChanges(t)
				p.loadReceiptCache(t)
				before := s.calls.all()
				time.Sleep(sale.Lease + time.Millisecond)
				for _, who := range []string{"ben", "nobody"} {
					a := p.press(who)
					expect(t, a, sale.Unavailable, "")
					expectRetry(t, a, time.Second, 2*time.Second)
					if !a.Sale.Stale || a.Sale.Total != 1+state.left {
						t.Errorf("the last figures are not shown as such: %+v", a.Sale)
					}
				}
				expect(t, p.press("anna"), sale.AlreadyBought, "")
				expect(t, p.press("barred"), sale.NotAuthorized, "")
				if after := s.calls.all(); !maps.Equal(before, after) {
					t.Errorf("a question per press: %v, then %v", before, after)
				}
			})
		})
	}
	t.Run("open, with room", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, _ *simulatedServers, p *process) {
			time.Sleep(2 * sale.Lease)
			a := p.press("anna")
			expect(t, a, sale.Bought, "")
			if !a.Sale.Stale {
				t.Error("the figures are not marked stale")
			}
		})
	})
	t.Run("open, without room", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			s.places.addHolder(saleKey, 99)
			time.Sleep(2 * sale.Lease)
			expect(t, p.press("anna"), sale.Unavailable, "")
			if now, _ := p.catalog.Snapshot(""); now.AllClaimed {
				t.Error("the catalog shows that all places are taken")
			}
		})
	})
	t.Run("only after its lease", func(t *testing.T) {
		inFakeTime(t, 0, func(t *testing.T, _ *simulatedServers, p *process) {
			p.loadReceiptCache(t)
			time.Sleep(sale.Lease)
			expect(t, p.press("anna"), sale.Refused, sale.ReasonSoldOut)
			time.Sleep(time.Nanosecond)
			expect(t, p.press("anna"), sale.Unavailable, "")
		})
	})
}

func TestTheFirstMoment(t *testing.T) {
	t.Parallel()
	const ahead = 500 * time.Millisecond
	// atTheStart has the start pass, nobody open the sale, and one press wait.
	atTheStart := func(name string, test func(t *testing.T, s *simulatedServers, p *process, answer <-chan sale.Answer)) {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
				s.ledger.change(func(sh *sale.Row) { sh.State, sh.StartsAt = sale.Scheduled, time.Now().Add(ahead) })
				p.readChanges(t)
				expect(t, p.press("anna"), sale.Refused, sale.ReasonNotStarted)
				time.Sleep(ahead)
				answer := p.buyInBackground(sale.PurchaseRequest{Name: "anna"})
				synctest.Wait()
				s.ledger.change(func(*sale.Row) {}) // a change that opens nothing
				p.readChanges(t)
				synctest.Wait()
				test(t, s, p, answer)
			})
		})
	}
	atTheStart("it opens", func(t *testing.T, s *simulatedServers, p *process, answer <-chan sale.Answer) {
		s.ledger.change(func(sh *sale.Row) { sh.State = sale.Open })
		p.readChanges(t)
		expect(t, <-answer, sale.Bought, "")
	})
	atTheStart("it was put off", func(t *testing.T, s *simulatedServers, p *process, answer <-chan sale.Answer) {
		s.ledger.change(func(sh *sale.Row) { sh.StartsAt = time.Now().Add(time.Hour) })
		p.readChanges(t)
		expect(t, <-answer, sale.Refused, sale.ReasonNotStarted)
	})
	atTheStart("nobody opens it", func(t *testing.T, _ *simulatedServers, _ *process, answer <-chan sale.Answer) {
		began := time.Now()
		expect(t, <-answer, sale.Unavailable, "")
		if time.Since(began) != startTime {
			t.Errorf("after %v, want %v", time.Since(began), startTime)
		}
	})
	atTheStart("the shopper leaves", func(t *testing.T, _ *simulatedServers, p *process, another <-chan sale.Answer) {
		defer func() { <-another }()
		ctx, leave := context.WithTimeout(t.Context(), time.Millisecond)
		defer leave()
		began := time.Now()
		expect(t, p.Buy(ctx, sale.PurchaseRequest{Name: "ben"}), sale.Unavailable, "")
		if time.Since(began) != time.Millisecond {
			t.Errorf("after %v", time.Since(began))
		}
	})
	atTheStart("the ledger has long been away", func(t *testing.T, _ *simulatedServers, p *process, answer <-chan sale.Answer) {
		<-answer
		time.Sleep(2 * sale.Lease)
		began := time.Now()
		expect(t, p.press("anna"), sale.Unavailable, "")
		expect(t, p.press("barred"), sale.NotAuthorized, "")
		if time.Since(began) != 0 {
			t.Errorf("waited %v for a ledger that does not answer", time.Since(began))
		}
	})
}

func TestNamesThatCannotBeAsked(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		s.accounts.fails(errAway)
		expect(t, p.press("dora"), sale.Unavailable, "")
		s.accounts.acts(hangs)
		began := time.Now()
		expect(t, p.press("dora"), sale.Unavailable, "")
		if time.Since(began) != lookupTime {
			t.Errorf("a directory that hangs was waited for during %v", time.Since(began))
		}
		expect(t, p.press("anna"), sale.Bought, "")
	})
}

func TestHoldersThatAreNotLoaded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		places            func(p *simulatedPlaces)
		rebuilds, reserve int
	}{
		"are loaded once, then asked again": {(*simulatedPlaces).loseAll, 1, 2},
		"and go missing again": {func(p *simulatedPlaces) {
			p.acts(func(context.Context) error { return sale.ErrMissing })
		}, 1, 2},
		"and cannot be loaded": {func(p *simulatedPlaces) { p.loseAll(); p.loadFault.fails(errAway) }, 1, 1},
		"nor be asked at all":  {func(p *simulatedPlaces) { p.fails(sale.ErrUnavailable) }, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
				c.places(s.places)
				expect(t, p.press("anna"), sale.Bought, "")
				if s.calls.of("rebuild") != c.rebuilds || s.calls.of("reserve") != c.reserve {
					t.Errorf("calls %v", s.calls.all())
				}
			})
		})
	}
}

func TestOnlyTheLedgerSaysSoldOut(t *testing.T) {
	t.Parallel()
	// whileAsked fills the places, and has something happen while Redis is asked.
	whileAsked := func(name string, happens func(s *simulatedServers, p *process) error, kind sale.Kind, reason sale.Reason) {
		t.Run(name, func(t *testing.T) {
			inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
				s.places.addHolder(saleKey, 99)
				s.places.acts(func(context.Context) error { return happens(s, p) })
				expect(t, p.press("anna"), kind, reason)
				if now, _ := p.catalog.Snapshot(""); now.AllClaimed {
					t.Error("the catalog says that all places are taken")
				}
			})
		})
	}
	whileAsked("the last unit goes", func(s *simulatedServers, p *process) error {
		s.ledger.sell(Shopper{ID: 99, Username: "other"}, sale.PurchaseRequest{})
		return p.catalog.refresh(context.Background())
	}, sale.Refused, sale.ReasonSoldOut)
	whileAsked("the sale is paused", func(s *simulatedServers, p *process) error {
		s.ledger.change(func(sh *sale.Row) { sh.State = sale.Paused })
		return p.catalog.refresh(context.Background())
	}, sale.Refused, sale.ReasonPaused)
	whileAsked("the receipt comes", func(s *simulatedServers, p *process) error {
		p.catalog.find("").receipts.add([]sale.OrderRow{{Receipt: sale.ReceiptOf(new(s.ledger.sell(s.accounts.shopper("anna"), sale.PurchaseRequest{}))), Revision: 99}})
		return nil
	}, sale.AlreadyBought, "")
	t.Run("every place is taken", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			s.places.addHolder(saleKey, 99)
			a := p.press("anna")
			expect(t, a, sale.Refused, sale.ReasonAllClaimed)
			expectRetry(t, a, time.Second, 3*time.Second)
			if now, _ := p.catalog.Snapshot(""); !now.AllClaimed || !a.Sale.AllClaimed {
				t.Error("it is not shown")
			}
			_ = s.places.Release(t.Context(), saleKey, []int64{99})
			expect(t, p.press("ben"), sale.Bought, "")
			s.ledger.cancel(p.claimOf(s, "ben", 1).ID)
			_ = s.places.Release(t.Context(), saleKey, []int64{2})
			expect(t, p.press("anna"), sale.Refused, sale.ReasonSoldOut) // as far as this process knows
			p.readChanges(t)
			s.log.pauseConsumer()
			expect(t, p.Buy(t.Context(), sale.PurchaseRequest{Name: "anna", Async: true}), sale.Pending, "")
			if now, _ := p.catalog.Snapshot(""); now.AllClaimed {
				t.Error("a place was given, and it is still shown")
			}
		})
	})
}

func TestAnIdempotencyKeyIsKnownToEveryProcess(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		mine := sale.PurchaseRequest{Name: "anna", IdempotencyKey: "mine"}
		expect(t, p.Buy(t.Context(), mine), sale.Bought, "")
		for name, at := range map[string]*process{"the one that sold": p, "another": s.process(t)} {
			for press, same := range map[sale.PurchaseRequest]bool{mine: true, {Name: "anna", IdempotencyKey: "other"}: false, {Name: "anna"}: false} {
				a := at.Buy(t.Context(), press)
				if expect(t, a, sale.AlreadyBought, ""); a.SameKey != same || a.Receipt.Unit != 1 {
					t.Errorf("%s, key %q: same %v", name, press.IdempotencyKey, a.SameKey)
				}
			}
		}
		before := s.calls.all()
		if p.Buy(t.Context(), mine); !maps.Equal(before, s.calls.all()) {
			t.Error("the row is read again and again")
		}
	})
}

// The receipt itself is the answer. Whether it was the same press is not worth an error.
func TestAnOwnerIsAnsweredWhileTheLedgerIsAway(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		press := sale.PurchaseRequest{Name: "anna", IdempotencyKey: "mine"}
		bought := p.Buy(t.Context(), press)
		s.ledger.fails(errAway)
		a := p.Buy(t.Context(), press)
		if expect(t, a, sale.AlreadyBought, ""); a.Receipt != bought.Receipt || a.SameKey {
			t.Errorf("got %+v", a)
		}
	})
}

func TestAShopperWhoGoesAway(t *testing.T) {
	t.Parallel()
	t.Run("before there is a place leaves no claim", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			s.places.acts(hangs)
			ctx, leave := context.WithTimeout(t.Context(), time.Millisecond)
			defer leave()
			expect(t, p.Buy(ctx, sale.PurchaseRequest{Name: "anna"}), sale.Unavailable, "")
			if n := s.calls.of("append") + s.calls.of("direct"); n != 0 {
				t.Errorf("%d claims were made", n)
			}
		})
	})
	t.Run("with a place has the claim seen through", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			ctx, leave := context.WithCancel(t.Context())
			s.log.acts(func(ctx context.Context) error { leave(); return ctx.Err() })
			expect(t, p.Buy(ctx, sale.PurchaseRequest{Name: "anna"}), sale.Bought, "")
			if len(s.log.written()) != 1 {
				t.Error("the append was broken off")
			}
		})
	})
}

func TestOutcomesHaveNames(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for k := range sale.Overloaded + 1 {
		seen[k.String()] = true
	}
	if len(seen) != int(sale.Overloaded)+1 || seen[""] || seen["unknown"] || (sale.Overloaded+1).String() != "unknown" {
		t.Errorf("names %v", seen)
	}
}
