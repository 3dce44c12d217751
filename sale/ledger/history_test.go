package ledger

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"flashsale/events"
	"flashsale/sale"
)

// Shoppers and operators do random steps with a sale. Every verdict is compared with that of a simple ledger in memory. Each
// history has its own generation and its own shoppers, so that all of them can use one database.
func TestRandomHistoriesGetTheVerdictsOfASimpleLedger(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 3)
	shoppers := int64(0)
	rapid.Check(t, func(rt *rapid.T) {
		d.begin(3)
		shoppers += 100
		h := &history{T: rt, t: t, ledger: d, shoppers: shoppers, state: sale.Open, total: 3, nextUnit: 1, rulings: map[uuid.UUID]*ruled{}}
		steps := map[string]func(){
			"decide": h.decideSome, "decide more": h.decideSome, "decide yet more": h.decideSome,
			"cancel": h.cancelOne, "begin": h.beginAgain, "resize": h.resize,
			"pause":  func() { h.move(d.PauseTx, sale.Paused, sale.Open) },
			"resume": func() { h.move(d.ResumeTx, sale.Open, sale.Paused) },
			"close":  h.close,
		}
		names := slices.Sorted(maps.Keys(steps))
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			steps[rapid.SampledFrom(names).Draw(rt, "step")]()
			h.check()
		}
	})
}

// history is the simple ledger, and what has happened in it.
type history struct {
	*rapid.T
	t        *testing.T
	ledger   *ledgerFixture
	shoppers int64 // the number before the first shopper's
	state    sale.State
	total    int64
	nextUnit int64
	returned []int64 // units of cancelled orders, lowest first
	closing  uuid.UUID
	rulings  map[uuid.UUID]*ruled
}

// ruled is the verdict on a claim, and whether its order is live.
type ruled struct {
	events.Verdict
	live bool
}

func (r *ruled) who() sale.ShopperKey {
	return sale.ShopperKey{Key: sale.Key{Sale: r.SaleID, Generation: r.Generation}, User: r.UserID}
}

// lives are the live orders of all generations, always in the same order.
func (h *history) lives() []*ruled {
	var all []*ruled
	for _, r := range h.rulings {
		if r.live {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *ruled) int {
		return cmp.Or(cmp.Compare(a.Generation, b.Generation), cmp.Compare(a.UserID, b.UserID))
	})
	return all
}

// taken counts the live orders of the present generation.
func (h *history) taken() (n int64) {
	for _, r := range h.lives() {
		if r.Generation == h.ledger.key.Generation {
			n++
		}
	}
	return n
}

func (h *history) record() events.Claim {
	if h.closing != uuid.Nil && rapid.IntRange(0, 5).Draw(h.T, "close record") == 0 {
		return events.Claim{Kind: events.KindClose, ID: h.closing, SaleID: h.ledger.key.Sale, Generation: h.ledger.key.Generation,
			Partition: h.ledger.partition}
	}
	k := h.ledger.key
	k.Generation -= rapid.SampledFrom([]int64{0, 0, 0, 0, 1}).Draw(h.T, "generations ago")
	user := h.shoppers + rapid.Int64Range(1, 5).Draw(h.T, "user")
	c := h.ledger.claimIn(k.Generation, user, rapid.IntRange(1, 3).Draw(h.T, "attempt"))
	switch rapid.IntRange(0, 9).Draw(h.T, "press") {
	case 0:
		c.PressedAt = c.PressedAt.AddDate(-1, 0, 0)
	case 1:
		c.PressedAt = c.PressedAt.AddDate(2, 0, 0)
	case 2:
		c.V-- // of the version before, whose times mean nothing
		c.PressedAt = c.PressedAt.AddDate(2, 0, 0)
	}
	return c
}

func (h *history) decideSome() {
	src := rapid.SampledFrom([]events.Source{events.FromLog, events.Direct}).Draw(h.T, "source")
	claims := make([]events.Claim, rapid.IntRange(1, 8).Draw(h.T, "claims"))
	for i := range claims {
		claims[i] = h.record()
	}
	want := h.rule(src, claims)
	for i, v := range h.ledger.decideFrom(src, claims...).Verdicts {
		if (v.Outcome == events.Ordered) != (v.Revision > 0) {
			h.Fatalf("claim %d of %d: %s with revision %d", i, len(claims), v.Outcome, v.Revision)
		}
		v.At, v.Revision = want[i].At, 0
		if v != want[i] {
			h.Fatalf("claim %d of %d in a %s sale:\n got %+v\nwant %+v", i, len(claims), h.state, v, want[i])
		}
	}
}

// rule decides the claims.
func (h *history) rule(src events.Source, claims []events.Claim) []events.Verdict {
	// The next attempt that an old verdict names is that of before the batch.
	next, owned := map[sale.ShopperKey]int{}, map[sale.ShopperKey]uuid.UUID{}
	for _, r := range h.rulings {
		next[r.who()] = max(next[r.who()], r.Attempt+1)
		if r.live {
			owned[r.who()] = r.ClaimID
		}
	}
	verdicts, fresh := make([]events.Verdict, len(claims)), map[uuid.UUID]bool{}
	for i, c := range claims {
		if c.Kind == events.KindClose {
			if h.state == sale.Closing {
				h.state = sale.Closed
			}
			continue
		}
		r := h.rulings[c.ID]
		if r == nil {
			r = h.first(src, c)
			h.rulings[c.ID], fresh[c.ID] = r, true
		}
		verdicts[i] = r.Verdict
		switch order, owns := owned[r.who()]; {
		case fresh[c.ID]:
			verdicts[i].Fresh = true
		case r.live:
		case owns:
			verdicts[i].OrderID = order
		default:
			verdicts[i].OrderID, verdicts[i].NextAttempt = uuid.Nil, next[r.who()]
		}
	}
	return verdicts
}

// first is the verdict on a claim that has none.
func (h *history) first(src events.Source, c events.Claim) *ruled {
	r := &ruled{Verdict: events.Verdict{
		ClaimID: c.ID, SaleID: c.SaleID, Generation: c.Generation, UserID: c.UserID, Username: c.Username,
		Attempt: c.Attempt, Outcome: events.Declined,
	}}
	owned := slices.IndexFunc(h.lives(), func(l *ruled) bool { return l.who() == r.who() })
	switch {
	case c.Generation != h.ledger.key.Generation:
		r.Reason = events.ReasonGenerationChanged
	case owned >= 0:
		r.Reason, r.OrderID = events.ReasonAlreadyOwns, h.lives()[owned].ClaimID
	case h.state == sale.Paused:
		r.Reason = events.ReasonPaused
	case h.state == sale.Closed || h.state == sale.Closing && src == events.Direct:
		r.Reason = events.ReasonEnded
	case c.V == events.ClaimVersion && c.PressedAt.Before(time.Now().Add(-time.Hour)):
		r.Reason = events.ReasonNotStarted
	case c.V == events.ClaimVersion && c.PressedAt.After(time.Now().AddDate(1, 0, 0)):
		r.Reason = events.ReasonEnded
	case h.taken() >= h.total:
		r.Reason = events.ReasonSoldOut
	default:
		r.Outcome, r.live = events.Ordered, true
		if c.V == events.ClaimVersion {
			r.PressedAt = c.PressedAt.UTC().Truncate(time.Microsecond)
		}
		if len(h.returned) > 0 {
			r.Unit, h.returned = h.returned[0], h.returned[1:]
		} else {
			r.Unit = h.nextUnit
			h.nextUnit++
		}
	}
	return r
}

func (h *history) cancelOne() {
	lives := h.lives()
	if len(lives) == 0 {
		return
	}
	r := rapid.SampledFrom(lives).Draw(h.T, "order")
	h.ledger.cancel(r.ClaimID)
	r.live = false
	if r.Generation == h.ledger.key.Generation {
		h.returned = append(h.returned, r.Unit)
		slices.Sort(h.returned)
	}
}

func (h *history) beginAgain() {
	h.total = rapid.Int64Range(0, 4).Draw(h.T, "stock")
	h.ledger.begin(h.total)
	h.state, h.nextUnit, h.returned, h.closing = sale.Open, 1, nil, uuid.Nil
}

func (h *history) resize() {
	total := rapid.Int64Range(0, 6).Draw(h.T, "new stock")
	err := h.ledger.trySetTotal(total)
	if total < h.taken() {
		if !errors.Is(err, sale.ErrBelowSold) {
			h.Fatalf("stock of %d with %d sold: %v", total, h.taken(), err)
		}
		return
	}
	if err != nil {
		h.Fatal(err)
	}
	h.total = total
}

type act func(ctx context.Context, tx pgx.Tx, slug string) error

func (h *history) move(do act, to sale.State, from ...sale.State) bool {
	err := h.ledger.tryAct(do)
	if !slices.Contains(from, h.state) {
		if !errors.Is(err, sale.ErrState) {
			h.Fatalf("from %s to %s: %v", h.state, to, err)
		}
		return false
	}
	if err != nil {
		h.Fatalf("from %s to %s: %v", h.state, to, err)
	}
	h.state = to
	return true
}

func (h *history) close() {
	to := sale.Closed
	if h.state == sale.Open {
		to = sale.Closing
	}
	if h.move(h.ledger.CloseTx, to, sale.Open, sale.Paused) && to == sale.Closing {
		h.closing = h.ledger.CloseRecord(firstSlug).ID
	}
}

func (h *history) check() {
	l := h.ledger.level()
	if l.Total != h.total || l.Taken != h.taken() || l.NextUnit != h.nextUnit {
		h.Fatalf("stock %+v, want total %d, taken %d, next unit %d", l, h.total, h.taken(), h.nextUnit)
	}
	if got := h.ledger.state(); got != h.state {
		h.Fatalf("state %s, want %s", got, h.state)
	}
	h.ledger.Verify()
}
