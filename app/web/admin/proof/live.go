package proof

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/app/operator"
	"flashsale/app/web/desk"
	"flashsale/app/web/request"
	"flashsale/sale"
	views "flashsale/views/admin"
	"flashsale/views/layout"
	"flashsale/views/text"
)

const (
	// freshFor is how long what is known counts as of now: all operators who look within it share one look.
	freshFor = time.Second
	// overdue is after how long a press without a verdict is something to look into.
	overdue = 30 * time.Second
)

// What is known of a promise without a check, beside operator.OK and operator.Broken.
const (
	// waiting: it is about to hold, as soon as what is under way has ended.
	waiting = "waiting"
	// unseen: memory cannot tell.
	unseen = operator.Unknown
)

// known is what memory says of all sales and processes.
type known struct {
	Sales   int   `json:"sales"`
	Total   int64 `json:"total"`
	Sold    int64 `json:"sold"`
	Pending int64 `json:"pending"`
	Free    int64 `json:"free"`
	// Over are the sales of which more is sold than there is.
	Over []string `json:"over"`
	// Stale is true while the database does not answer this process.
	Stale bool `json:"stale"`
	// Counted is false while nobody tells how many places and claims there are.
	Counted bool `json:"counted"`
	// Places is how many shoppers have a place, Short the sales with fewer places than orders.
	Places int64    `json:"places"`
	Short  []string `json:"short"`
	// Undecided presses wait for their verdict, the oldest for OldestMillis; Lag records of the log are not decided.
	Undecided    int64 `json:"undecided"`
	OldestMillis int64 `json:"oldestMillis"`
	Lag          int64 `json:"lagRecords"`
}

// kept is the newest look. The zero value has none.
type kept struct {
	mu  sync.Mutex
	at  time.Time
	now known
}

func (k *kept) get(look func() known) known {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := time.Now(); k.at.IsZero() || now.Sub(k.at) >= freshFor {
		k.at, k.now = now, look()
	}
	return k.now
}

// look adds up what memory says.
func (hs *Handlers) look() known {
	k := known{Over: []string{}, Short: []string{}}
	places := map[int64]int64{}
	if hs.cfg.Figures != nil {
		p := hs.cfg.Figures.Present()
		k.Counted = !p.At.IsZero()
		k.Undecided, k.OldestMillis = p.Undecided, int64(1000*p.UndecidedAge)
		for _, n := range p.Lag {
			k.Lag += n
		}
		for _, one := range p.Processes {
			for id, n := range one.Holders {
				places[id] = max(places[id], n)
			}
		}
	}
	for _, s := range hs.cfg.Catalog.All() {
		k.add(&s, places)
	}
	return k
}

func (k *known) add(s *sale.Snapshot, places map[int64]int64) {
	k.Stale = k.Stale || s.Stale
	if s.State == sale.Draft {
		return
	}
	k.Sales++
	k.Total, k.Sold = k.Total+s.Total, k.Sold+s.Taken
	if s.Taken > s.Total || s.Taken < 0 {
		k.Over = append(k.Over, s.Slug)
	}
	held, told := places[s.ID]
	pending := min(max(0, held-s.Taken), max(0, s.Left()))
	k.Places, k.Pending, k.Free = k.Places+held, k.Pending+pending, k.Free+s.Left()-pending
	if told && held < s.Taken {
		k.Short = append(k.Short, s.Slug)
	}
}

type liveDocument struct {
	Promises []liveCheck `json:"invariants"`
	known
}

type liveCheck struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	State  string `json:"state"`
	Detail string `json:"detail"`
}

// Live says what memory knows of each promise: as a document, and to a page as its part. It asks no server.
func (hs *Handlers) Live(c echo.Context) error {
	if request.WantsPage(c.Request()) {
		return hs.cfg.Frame.Send(c, http.StatusOK, views.LiveProof(hs.live(desk.Speaking(c.Request()))))
	}
	d := liveDocument{known: hs.kept.get(hs.look)}
	for _, one := range hs.live(text.With(c.Request().Context(), text.Language{})) {
		d.Promises = append(d.Promises, liveCheck{one.ID, one.Title, one.State, one.Detail})
	}
	return request.WriteJSON(c, http.StatusOK, d)
}

// live is what memory knows, in words.
func (hs *Handlers) live(ctx context.Context) []views.Promise {
	k := hs.kept.get(hs.look)
	all := promises(ctx)
	byCheck := text.Say(ctx, "Only a check of the whole data shows it.")
	byTests := text.Say(ctx, "Only shoppers know what they were told. Tests with broken servers check it, for every version of the program.")
	for i := range all {
		one := &all[i]
		one.Live, one.State, one.Detail = true, unseen, byCheck
		switch one.ID {
		case "I1":
			one.State, one.Detail = k.units(ctx)
		case "I3", "I6":
			one.Detail = byTests
		case "I4":
			one.State, one.Detail = k.holders(ctx)
		case "I5":
			one.State, one.Detail = k.verdicts(ctx)
			one.Way = layout.Link{Label: text.Say(ctx, "Show the undecided claims"), Path: desk.Claims}
		}
	}
	return all
}

func (k *known) units(ctx context.Context) (state, detail string) {
	switch {
	case len(k.Over) > 0:
		return operator.Broken, text.Say(ctx, "More is sold than there is, in: %s", k.Over)
	case k.Stale:
		return unseen, text.Say(ctx, "The database does not answer this process, so its figures are old.")
	}
	return operator.OK, text.Say(ctx, "%d sold + %d pending + %d free = %d units. Sales: %d", k.Sold, k.Pending, k.Free, k.Total, k.Sales)
}

func (k *known) holders(ctx context.Context) (state, detail string) {
	switch {
	case !k.Counted:
		return unseen, text.Say(ctx, "No process has counted yet.")
	case len(k.Short) > 0:
		return waiting, text.Say(ctx, "Places are being put right, in: %s", k.Short)
	}
	return operator.OK, text.Say(ctx, "%d shoppers have a place, %d of them an order.", k.Places, k.Sold)
}

func (k *known) verdicts(ctx context.Context) (state, detail string) {
	oldest := time.Duration(k.OldestMillis) * time.Millisecond
	switch {
	case !k.Counted:
		return unseen, text.Say(ctx, "No process has counted yet.")
	case k.Undecided == 0 && k.Lag == 0:
		return operator.OK, text.Say(ctx, "No press waits for its verdict.")
	case oldest > overdue:
		return waiting, text.Say(ctx, "%d presses wait for their verdict, the oldest for %.1f s. That is long: look at the health of the servers.", k.Undecided, oldest.Seconds())
	}
	return waiting, text.Say(ctx, "%d presses wait for their verdict, the oldest for %.1f s.", k.Undecided, oldest.Seconds())
}

// promises are the invariants in words.
func promises(ctx context.Context) []views.Promise {
	return []views.Promise{
		{ID: "I1", Title: text.Say(ctx, "Never more is sold than there is, and every order has a unit of its own.")},
		{ID: "I2", Title: text.Say(ctx, "No shopper has two orders in one sale.")},
		{ID: "I3", Title: text.Say(ctx, "Every receipt that anybody was shown exists.")},
		{ID: "I4", Title: text.Say(ctx, "Those who have a place are those who have an order.")},
		{ID: "I5", Title: text.Say(ctx, "Every press that was acknowledged gets its verdict.")},
		{ID: "I6", Title: text.Say(ctx, "Nobody is told “sold out” while units are left.")},
		{ID: "I7", Title: text.Say(ctx, "Orders of generations that ended do not change.")},
		{ID: "I8", Title: text.Say(ctx, "Every order was pressed between the start and the end.")},
	}
}
