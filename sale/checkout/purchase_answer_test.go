package checkout

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
)

// notBuyableState is how a sale is made like that, the units left, and what losers are told.
type notBuyableState struct {
	set    func(*sale.Row)
	left   int64
	reason sale.Reason
}

// notBuyable are the states of a sale that cannot be bought from.
var notBuyable = map[string]notBuyableState{
	"draft":           {func(s *sale.Row) { s.State = sale.Draft }, 1, sale.ReasonNotStarted},
	"not started":     {func(s *sale.Row) { s.State, s.StartsAt = sale.Scheduled, s.StartsAt.Add(90*time.Minute) }, 1, sale.ReasonNotStarted},
	"paused":          {func(s *sale.Row) { s.State = sale.Paused }, 1, sale.ReasonPaused},
	"sold out":        {func(*sale.Row) {}, 0, sale.ReasonSoldOut},
	"past its end":    {func(s *sale.Row) { s.EndsAt = s.StartsAt.Add(time.Minute) }, 1, sale.ReasonEnded},
	"closing":         {func(s *sale.Row) { s.State = sale.Closing }, 1, sale.ReasonEnded},
	"closed":          {func(s *sale.Row) { s.State = sale.Closed }, 1, sale.ReasonEnded},
	"paused and over": {func(s *sale.Row) { s.State, s.EndsAt = sale.Paused, s.StartsAt.Add(time.Minute) }, 1, sale.ReasonEnded},
}

func TestTheClaimOfARequest(t *testing.T) {
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

// Who asks comes first, then one's own receipt, then the state of the sale. Whether this process has the receipts in memory
// makes no difference to the answer, only to its cost.
func TestThePrecedenceOfAnswers(t *testing.T) {
	t.Parallel()
	for name, state := range notBuyable {
		for memory, loaded := range map[string]bool{", from memory": true, ", from the ledger": false} {
			t.Run(name+memory, func(t *testing.T) {
				inFakeTime(t, 2+state.left, func(t *testing.T, s *simulatedServers, p *process) {
					anna := s.ledger.sell(s.accounts.shopper("anna"), sale.PurchaseRequest{})
					dora := s.ledger.sell(s.accounts.shopper("dora"), sale.PurchaseRequest{})
					s.ledger.change(state.set)
					p.readChanges(t)
					if loaded {
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
					if after := s.calls.all(); loaded && !maps.Equal(before, after) {
						t.Errorf("nearly all requests are like these, and cost questions: %v, then %v", before, after)
					}
					if s.calls.of("reserve")+s.calls.of("append")+s.calls.of("direct") != 0 {
						t.Errorf("a sale that cannot be bought from cost %v", s.calls.all())
					}
				})
			})
		}
	}
}

// An owner whose account is archived hears of the order in every state of the sale, and anybody else with such an account what an
// unknown name hears. Once the names of owners are in memory that costs nothing.
func TestAnArchivedShopperHearsOfAnOrderAndNothingElse(t *testing.T) {
	t.Parallel()
	states := maps.Clone(notBuyable)
	states["open"] = notBuyableState{func(*sale.Row) {}, 1, ""}
	for name, state := range states {
		for memory, loaded := range map[string]bool{", from memory": true, ", from the ledger": false} {
			t.Run(name+memory, func(t *testing.T) {
				inFakeTime(t, 3+state.left, func(t *testing.T, s *simulatedServers, p *process) {
					orders := map[string]events.Verdict{}
					for _, name := range []string{"anna", "dora", "barred"} {
						orders[name] = s.ledger.sell(s.accounts.shopper(name), sale.PurchaseRequest{})
					}
					s.ledger.change(state.set)
					p.readChanges(t)
					if loaded {
						p.loadReceiptCache(t)
					}
					for _, name := range []string{"anna", "barred", "dora", "ben"} {
						s.accounts.archive(name, true)
					}
					before := s.calls.all()
					for range 3 {
						for name, v := range orders {
							a := p.press(name)
							expect(t, a, sale.AlreadyBought, "")
							if a.Receipt.OrderID != v.ClaimID || a.Receipt.Unit != v.Unit || a.Username != name {
								t.Errorf("%s hears %+v, want %+v", name, a, v)
							}
							r, found, err := p.Receipt(t.Context(), "flash", name)
							if err != nil || !found || r.OrderID != v.ClaimID || r.Username != name {
								t.Errorf("the receipt of %s: %+v, %t, %v", name, r, found, err)
							}
						}
						for _, name := range []string{"ben", "nobody"} {
							if a := p.press(name); state.reason == "" {
								expect(t, a, sale.UnknownShopper, "")
							} else {
								expect(t, a, sale.Refused, state.reason)
							}
						}
					}
					if after := s.calls.all(); loaded && state.reason != "" && !maps.Equal(before, after) {
						t.Errorf("this cost questions: %v, then %v", before, after)
					}
					if s.calls.of("reserve")+s.calls.of("append")+s.calls.of("direct") != 0 {
						t.Errorf("somebody archived tried to buy: %v", s.calls.all())
					}
					for _, name := range []string{"anna", "ben", "nobody"} {
						if known, err := p.Known(t.Context(), name); known || err != nil {
							t.Errorf("there is an account %s: %t, %v", name, known, err)
						}
					}
				})
			})
		}
	}
}

// Whether somebody archived owns something is not known while Postgres is away.
func TestAnArchivedShopperIsNotRefusedUnseen(t *testing.T) {
	inFakeTime(t, 2, func(t *testing.T, s *simulatedServers, p *process) {
		s.ledger.sell(s.accounts.shopper("anna"), sale.PurchaseRequest{})
		if err := s.accounts.Warm(t.Context(), []int64{s.accounts.shopper("anna").ID}); err != nil {
			t.Fatal(err)
		}
		s.accounts.archive("anna", true)
		s.ledger.fails(errAway)
		expect(t, p.press("anna"), sale.Unavailable, "")
		s.ledger.acts(nil)
		expect(t, p.press("anna"), sale.AlreadyBought, "")
	})
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
		expect(t, p.press("anna"), sale.Unavailable, "") // whether she is an owner is not known
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

func TestNamesThatCannotBeLookedUp(t *testing.T) {
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

func TestAnIdempotencyKeyIsKnownToEveryProcess(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		mine := sale.PurchaseRequest{Name: "anna", IdempotencyKey: "mine"}
		expect(t, p.Buy(t.Context(), mine), sale.Bought, "")
		for name, at := range map[string]*process{"the one that sold": p, "another": s.process(t)} {
			for request, same := range map[sale.PurchaseRequest]bool{mine: true, {Name: "anna", IdempotencyKey: "other"}: false, {Name: "anna"}: false} {
				a := at.Buy(t.Context(), request)
				if expect(t, a, sale.AlreadyBought, ""); a.SameKey != same || a.Receipt.Unit != 1 {
					t.Errorf("%s, key %q: same %v", name, request.IdempotencyKey, a.SameKey)
				}
			}
		}
		before := s.calls.all()
		if p.Buy(t.Context(), mine); !maps.Equal(before, s.calls.all()) {
			t.Error("the row is read again and again")
		}
	})
}

// The receipt is the answer. That the key cannot be looked up is no reason for an error.
func TestAnOwnerIsAnsweredWhileTheLedgerIsAway(t *testing.T) {
	inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
		request := sale.PurchaseRequest{Name: "anna", IdempotencyKey: "mine"}
		bought := p.Buy(t.Context(), request)
		s.ledger.fails(errAway)
		a := p.Buy(t.Context(), request)
		if expect(t, a, sale.AlreadyBought, ""); a.Receipt != bought.Receipt || a.SameKey {
			t.Errorf("got %+v", a)
		}
	})
}

func TestAShopperWhoLeaves(t *testing.T) {
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
	t.Run("with a place leaves a claim that is decided", func(t *testing.T) {
		inFakeTime(t, 1, func(t *testing.T, s *simulatedServers, p *process) {
			ctx, leave := context.WithCancel(t.Context())
			s.log.acts(func(ctx context.Context) error { leave(); return ctx.Err() })
			expect(t, p.Buy(ctx, sale.PurchaseRequest{Name: "anna"}), sale.Bought, "")
			if len(s.log.written()) != 1 {
				t.Error("the append was ended")
			}
		})
	})
}
