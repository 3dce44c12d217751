package shop

import (
	"context"
	"crypto/rand"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/sale/storefront"
	"flashsale/users/login"
	"flashsale/views/layout"
	"flashsale/views/shop"
	"flashsale/views/text"
)

const (
	// renderSpacing is how long a page may show figures that have changed since: as long as the pages that are open wait for a frame.
	// Everything else that changes is shown at once.
	renderSpacing = 100 * time.Millisecond
	// renderAnyway is after how long a page is rendered anew although nothing of what is compared has changed. Its tag stays the same
	// when its bytes do.
	renderAnyway = 2 * time.Second
	// mostKept bounds the pages that are kept. The one that was asked for least lately makes room.
	mostKept = 256
)

// pageName is a page that is the same for everybody, but for the visitor's name.
type pageName struct {
	slug     string
	list     bool // the list of drops
	language text.Language
	signedIn bool
	operator bool
	desk     bool // has a role
}

// keptPages are pages as they were last rendered and compressed. The zero value has none. It is safe for concurrent use.
type keptPages struct {
	mu    sync.Mutex
	pages map[pageName]*keptPage
	asked int64 // counts questions
}

// keptPage is one of them.
type keptPage struct {
	asked     int64      // the number of the last question, guarded by keptPages.mu
	rendering sync.Mutex // held while the page is rendered, so that one does it for all who wait
	newest    atomic.Pointer[rendering]
}

// rendering is a page as it was at a time.
type rendering struct {
	state   pageState
	figures pageFigures
	brand   *storefront.Brand
	body    *packed
	// looked is when that was last known to be what the page shows, and rendered when it was rendered.
	looked, rendered time.Time
}

// pageState is what a page shows of its sale and is changed by operators and the clock, so seldom.
type pageState struct {
	id, epoch, generation, revision int64
	status                          sale.Status
	stale, started, over            bool
	starts, ends                    time.Time
	sellout                         sale.Sellout
}

// pageFigures is what purchases change, and what costs more to find out.
type pageFigures struct {
	version, total, taken int64
	allClaimed            bool
	product               *sale.Product
	next                  *shop.Drop // nil: there is none
	list                  string     // the drops of a list
}

// same compares the next drop by what it shows.
func (f pageFigures) same(other pageFigures) bool {
	next := f.next
	if reflect.DeepEqual(next, other.next) {
		next = other.next
	}
	return f.version == other.version && f.total == other.total && f.taken == other.taken && f.allClaimed == other.allClaimed &&
		f.product == other.product && next == other.next && f.list == other.list
}

func pageStateOf(s *sale.Snapshot) pageState {
	return pageState{
		id: s.ID, epoch: s.Epoch, generation: s.Generation, revision: s.Revision, status: s.Status(), stale: s.Stale,
		started: !s.Now.Before(s.StartsAt), over: !s.Now.Before(s.EndsAt), starts: s.StartsAt, ends: s.EndsAt,
		sellout: s.Sellout,
	}
}

// find is the page of that name, which is empty at first.
func (k *keptPages) find(name pageName) *keptPage {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
	p := k.pages[name]
	if p == nil {
		if k.pages == nil {
			k.pages = map[pageName]*keptPage{}
		}
		if len(k.pages) >= mostKept {
			k.forget()
		}
		p = &keptPage{}
		k.pages[name] = p
	}
	p.asked = k.asked
	return p
}

// forget drops the page that was asked for least lately.
func (k *keptPages) forget() {
	var oldest pageName
	least := k.asked
	for name, p := range k.pages {
		if p.asked < least {
			oldest, least = name, p.asked
		}
	}
	delete(k.pages, oldest)
}

// shows reports whether r is what a page in that state shows, but for figures of renderSpacing ago.
func (r *rendering) shows(state pageState, brand *storefront.Brand) bool {
	return r != nil && r.state == state && r.brand == brand && time.Since(r.looked) < renderSpacing
}

// want is what a page is to show now.
type want struct {
	state   pageState
	brand   *storefront.Brand
	figures func() pageFigures
	render  func(pageFigures) ([]byte, error)
}

// body is the page as it is wanted, rendered when it has changed.
func (p *keptPage) body(w want) (*packed, error) {
	if r := p.newest.Load(); r.shows(w.state, w.brand) {
		return r.body, nil
	}
	p.rendering.Lock()
	defer p.rendering.Unlock()
	old := p.newest.Load()
	if old.shows(w.state, w.brand) {
		return old.body, nil
	}
	now := &rendering{state: w.state, figures: w.figures(), brand: w.brand, looked: time.Now()}
	if now.sameAs(old) {
		now.body, now.rendered = old.body, old.rendered
	} else {
		html, err := w.render(now.figures)
		if err != nil {
			return nil, err
		}
		now.body, now.rendered = pack(html, nameMark()), now.looked
	}
	p.newest.Store(now)
	return now.body, nil
}

// sameAs reports whether an earlier rendering is still right.
func (r *rendering) sameAs(old *rendering) bool {
	return old != nil && old.state == r.state && old.figures.same(r.figures) && old.brand == r.brand && r.looked.Sub(old.rendered) < renderAnyway
}

// nameMark stands in a page where the visitor's name is to be. Nobody can write it into a product.
//
//nolint:gochecknoglobals // made once, and never changed
var nameMark = sync.OnceValue(rand.Text)

// sendKept answers with the page of a sale that is kept for everybody. slug is that of the page's address.
func (hs *Handlers) sendKept(c echo.Context, slug string, s *sale.Snapshot) error {
	name, ctx := hs.nameOf(c, slug), c.Request().Context()
	body, err := hs.pages.find(name).body(want{
		state: pageStateOf(s), brand: hs.cfg.Brand.from.Present(),
		figures: func() pageFigures {
			return pageFigures{version: s.Version, total: s.Total, taken: s.Taken, allClaimed: s.AllClaimed, product: s.Product, next: hs.next(ctx, s)}
		},
		render: func(f pageFigures) ([]byte, error) { return hs.renderSale(s, f, name) },
	})
	if err != nil {
		return err
	}
	// The page has no time, so that its bytes change with the sale only. Its script reads this one.
	c.Response().Header().Set("Server-Timing", "ledger;dur="+strconv.FormatInt(s.Now.UnixMilli(), 10))
	return hs.sendPacked(c, body)
}

func (hs *Handlers) nameOf(c echo.Context, slug string) pageName {
	who := hs.cfg.Principals.Of(c.Request())
	return pageName{
		slug: slug, language: request.Language(c.Request()), signedIn: who.SignedIn(),
		operator: who.RequireRole(login.Operator) == nil, desk: who.SignedIn() && who.Has(login.Viewer),
	}
}

// renderSale renders the page of a sale for everybody.
func (hs *Handlers) renderSale(s *sale.Snapshot, f pageFigures, name pageName) ([]byte, error) {
	home := hs.homeOf(*s, nil, name)
	home.Visitor, home.Next = hs.visitorOf(name), f.next
	home.Status.NowMilli = 0
	ctx := layout.At(text.With(context.Background(), name.language), "?")
	return render(ctx, shop.HomePage(home))
}

// visitorOf is whoever a kept page is for.
func (hs *Handlers) visitorOf(name pageName) layout.Visitor {
	v := layout.Visitor{Accounts: !hs.cfg.Principals.Demo}
	if name.signedIn {
		v.Username, v.Desk = nameMark(), name.desk
	}
	return v
}

// sendPacked answers with a kept page, or that the client's own is still right. A browser may keep it, for the way back to it too, and
// asks before it shows it anew.
func (hs *Handlers) sendPacked(c echo.Context, page *packed) error {
	name := ""
	if len(page.plain) > 1 {
		name = templ.EscapeString(hs.visitor(c.Request()).Username)
	}
	h := c.Response().Header()
	request.MarkLanguage(c, "Accept", "Accept-Encoding", "HX-Request")
	h.Set(echo.HeaderCacheControl, "no-cache")
	if name != "" {
		h.Set(echo.HeaderCacheControl, "private, no-cache")
	}
	return page.serve(c, name)
}
