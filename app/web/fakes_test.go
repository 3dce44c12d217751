package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"hash/crc32"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"flashsale/users/login"
	"flashsale/users/login/limits"

	"github.com/google/uuid"

	"flashsale/app/live"
	"flashsale/app/operator"
	"flashsale/app/web/admin"
	"flashsale/app/web/request"
	"flashsale/events"
	"flashsale/events/audit"
	"flashsale/sale"
	"flashsale/users"
)

// fakeCatalog has the snapshots that a test wants shown. The first one is the current sale.
type fakeCatalog struct {
	mu      sync.Mutex
	snaps   []sale.Snapshot
	changed chan struct{}
	err     error
	unready bool
}

func (b *fakeCatalog) Snapshot(slug string) (sale.Snapshot, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return sale.Snapshot{}, b.err
	}
	for _, s := range b.snaps {
		if slug == "" || s.Slug == slug {
			return s, nil
		}
	}
	return sale.Snapshot{}, sale.ErrNoSale
}

func (b *fakeCatalog) All() []sale.Snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]sale.Snapshot(nil), b.snaps...)
}

func (b *fakeCatalog) Ready() bool { return !b.unready }

// receiptKey is the key of the only sale.
const receiptKey = "a key of the sale"

func (b *fakeCatalog) ReceiptSecret(r sale.Receipt) string {
	return sale.ReceiptSecret([]byte(receiptKey), r.OrderID)
}

func (b *fakeCatalog) ReceiptOrder(secret string) (uuid.UUID, bool) {
	p, ok := sale.ReadReceiptSecret(secret)
	return p.Order, ok && p.By([]byte(receiptKey))
}

func (b *fakeCatalog) Changed() (<-chan struct{}, func()) { return b.changed, func() {} }

// change alters the current sale and signals it, as the real catalog does after a version moved.
func (b *fakeCatalog) change(f func(*sale.Snapshot)) {
	b.mu.Lock()
	f(&b.snaps[0])
	b.mu.Unlock()
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// fakeCheckout answers what a test says and remembers what it was asked.
type fakeCheckout struct {
	mu       sync.Mutex
	requests []sale.PurchaseRequest
	asked    []string
	at       *events.Position

	// limit bounds the presses that have an address; nil: nothing does. Owners find their receipt beyond it.
	limit    *limits.Presses
	rate     limits.Rate
	buy      func(sale.PurchaseRequest) sale.Answer
	receipts map[string]sale.Receipt
	claim    sale.ClaimState
	err      error
}

func (f *fakeCheckout) Buy(_ context.Context, p sale.PurchaseRequest) sale.Answer {
	f.mu.Lock()
	f.requests = append(f.requests, p)
	f.mu.Unlock()
	if f.limit == nil || !p.From.IsValid() {
		return f.buy(p)
	}
	v := f.limit.Take(1, 1, p.From, limits.PressRates{Account: limits.Rate{Limit: 1_000_000, Window: time.Second, Burst: 1_000_000}, Network: f.rate})
	if v.OK {
		return f.buy(p)
	}
	if r, owner := f.receipts[p.Name]; owner {
		return sale.Answer{Kind: sale.AlreadyBought, Receipt: r, Username: p.Name, Sale: activeSale()}
	}
	return sale.Answer{Kind: sale.TooOften, Over: sale.PressesOfNetwork, RetryAfter: v.Wait, Username: p.Name, Sale: activeSale()}
}

func (f *fakeCheckout) Receipt(_ context.Context, slug, name string) (sale.Receipt, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, slug+"|"+name)
	r, ok := f.receipts[name]
	return r, ok, f.err
}

func (f *fakeCheckout) Receipts(_ context.Context, _ string, ids []int64) (map[int64]sale.Receipt, error) {
	found := map[int64]sale.Receipt{}
	for _, r := range f.receipts {
		for _, id := range ids {
			if r.UserID == id {
				found[id] = r
			}
		}
	}
	return found, f.err
}

// Known: every account that a test asks for exists, but for "nobody".
func (f *fakeCheckout) Known(_ context.Context, name string) (bool, error) {
	return name != "nobody", f.err
}

func (f *fakeCheckout) Claim(_ context.Context, _ uuid.UUID, at *events.Position) (sale.ClaimState, error) {
	f.at = at
	return f.claim, f.err
}

// pressOnce lets a network press once, and again in four seconds.
func pressOnce(c *Config) {
	f := c.Checkout.(*fakeCheckout)
	f.limit, f.rate = limits.NewPresses(func() int { return 1 }), limits.Rate{Limit: 1, Window: 4 * time.Second, Burst: 1}
}

// asks is how often the checkout was asked anything.
func (f *fakeCheckout) asks() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.requests) + len(f.asked)
}

// fakeOrders has one order, and remembers how often it was asked.
type fakeOrders struct {
	order sale.Order
	err   error
	asked int
}

func (f *fakeOrders) Order(_ context.Context, id uuid.UUID) (sale.Order, error) {
	f.asked++
	if f.err == nil && id != f.order.OrderID {
		return sale.Order{}, sale.ErrNoOrder
	}
	return f.order, f.err
}

type fakeUsers struct {
	page        users.Page
	asked       [2]int
	listedTimes int
}

func (f *fakeUsers) List(_ context.Context, page, limit int) (users.Page, error) {
	f.asked, f.listedTimes = [2]int{page, limit}, f.listedTimes+1
	return f.page, nil
}

// fakeOperations remembers the calls as words and answers with the catalog's snapshot: every act moves the sale from the
// revision before to the catalog's.
type fakeOperations struct {
	history   []audit.Recorded
	catalog   *fakeCatalog
	calls     []string
	acts      []operator.Act
	amendment sale.Amendment
	err       error
	checks    []operator.Check
	ready     []admin.Dependency
}

func (f *fakeOperations) called(a operator.Act, words ...string) (sale.Change, error) {
	f.calls = append(f.calls, strings.Join(words, " "))
	f.acts = append(f.acts, a)
	if f.err != nil {
		return sale.Change{}, f.err
	}
	after := f.catalog.All()[0]
	if err := a.Match.Allows(after.Revision); err != nil {
		return sale.Change{}, err
	}
	before := after
	before.Revision--
	return sale.Change{Before: before, After: after}, nil
}

func (f *fakeOperations) Reset(_ context.Context, a operator.Act, slug string, toSmall bool) (sale.Change, error) {
	if toSmall {
		return f.called(a, "reset", slug, "small")
	}
	return f.called(a, "reset", slug, "keep")
}

func (f *fakeOperations) Preset(_ context.Context, a operator.Act, slug string, p sale.Preset) (sale.Change, error) {
	return f.called(a, "preset", slug, p.Name)
}

func (f *fakeOperations) SetStock(_ context.Context, a operator.Act, slug string, n int64) (sale.Change, error) {
	return f.called(a, "stock", slug, strconv.FormatInt(n, 10))
}

func (f *fakeOperations) Pause(_ context.Context, a operator.Act, slug string) (sale.Change, error) {
	return f.called(a, "pause", slug)
}

func (f *fakeOperations) Resume(_ context.Context, a operator.Act, slug string) (sale.Change, error) {
	return f.called(a, "resume", slug)
}

func (f *fakeOperations) Close(_ context.Context, a operator.Act, slug string) (sale.Change, error) {
	return f.called(a, "close", slug)
}

func (f *fakeOperations) Amend(_ context.Context, a operator.Act, slug string, to sale.Amendment) (sale.Change, error) {
	f.amendment = to
	return f.called(a, "amend", slug)
}

func (f *fakeOperations) AddPicture(_ context.Context, a operator.Act, slug string, file []byte, alt string) (operator.PictureChange, error) {
	return f.pictured(a, "picture", slug, strconv.Itoa(len(file)), alt)
}

func (f *fakeOperations) RemovePicture(_ context.Context, a operator.Act, slug, id string) (operator.PictureChange, error) {
	return f.pictured(a, "picture gone", slug, id)
}

func (f *fakeOperations) DescribePicture(_ context.Context, a operator.Act, slug, id, alt string) (operator.PictureChange, error) {
	return f.pictured(a, "picture shows", slug, id, alt)
}

func (f *fakeOperations) ArrangePictures(_ context.Context, a operator.Act, slug string, order []string) (operator.PictureChange, error) {
	return f.pictured(a, "pictures", slug, strings.Join(order, ","))
}

func (f *fakeOperations) pictured(a operator.Act, call ...string) (operator.PictureChange, error) {
	ch, err := f.called(a, call...)
	return operator.PictureChange{Change: ch, Picture: sale.Image{ID: "1"}}, err
}

func (f *fakeOperations) ChangeStock(_ context.Context, a operator.Act, slug string, to operator.StockChange, _ int64) (sale.Change, error) {
	if to.Set != nil {
		return f.called(a, "stock", slug, "set", strconv.FormatInt(*to.Set, 10))
	}
	return f.called(a, "stock", slug, "add", strconv.FormatInt(to.Add, 10))
}

func (f *fakeOperations) Open(_ context.Context, a operator.Act, slug string) (sale.Change, error) {
	return f.called(a, "open", slug)
}

func (f *fakeOperations) Extend(_ context.Context, a operator.Act, slug string, by time.Duration) (sale.Change, error) {
	return f.called(a, "extend", slug, by.String())
}

func (f *fakeOperations) Schedule(_ context.Context, a operator.Act, slug string) (sale.Change, error) {
	return f.called(a, "schedule", slug)
}

func (f *fakeOperations) Archive(_ context.Context, a operator.Act, slug string, away bool) (sale.Change, error) {
	return f.called(a, "archive", slug, strconv.FormatBool(away))
}

func (f *fakeOperations) BeginAnew(_ context.Context, a operator.Act, slug string, total *int64, allowed func(*sale.Snapshot) error) (sale.Change, error) {
	before := f.catalog.All()[0]
	if err := allowed(&before); err != nil {
		return sale.Change{}, err
	}
	if total == nil {
		return f.called(a, "anew", slug)
	}
	return f.called(a, "anew", slug, strconv.FormatInt(*total, 10))
}

func (f *fakeOperations) Create(_ context.Context, a operator.Act, c sale.Creation) (sale.Snapshot, error) {
	ch, err := f.called(a, "create", c.Slug)
	return ch.After, err
}

func (f *fakeOperations) Duplicate(_ context.Context, a operator.Act, slug string, to sale.Creation) (sale.Snapshot, error) {
	ch, err := f.called(a, "duplicate", slug, to.Slug)
	return ch.After, err
}

func (f *fakeOperations) History(context.Context, string, int) ([]audit.Recorded, error) {
	return f.history, f.err
}

func (f *fakeOperations) CancelOrder(_ context.Context, a operator.Act, id uuid.UUID, reason string) (operator.Cancellation, error) {
	ch, err := f.called(a, "cancel", id.String(), reason)
	return operator.Cancellation{Change: ch, Order: sale.Order{Receipt: receipt("alice"), Slug: "first", CancelledAt: noon}}, err
}

func (f *fakeOperations) SeedUsers(_ context.Context, a operator.Act, n int) (int, error) {
	_, err := f.called(a, "seed", strconv.Itoa(n))
	return n, err
}

func (f *fakeOperations) ArchiveUsers(_ context.Context, a operator.Act) (int64, error) {
	_, err := f.called(a, "archive")
	return 12, err
}

func (f *fakeOperations) Bar(_ context.Context, a operator.Act, name string, may bool, reason string) (operator.Barring, error) {
	_, err := f.called(a, "bar", name, strconv.FormatBool(!may), reason)
	return operator.Barring{Username: name, Before: !may, After: may}, err
}

func (f *fakeOperations) Verify(context.Context) ([]operator.Check, error) { return f.checks, f.err }
func (f *fakeOperations) Dependencies(context.Context) []admin.Dependency  { return f.ready }

// world is a server with its fakes.
type world struct {
	*Server
	catalog  *fakeCatalog
	checkout *fakeCheckout
	orders   *fakeOrders
	users    *fakeUsers
	ops      *fakeOperations
	desk     *fakeDesk
	hub      *live.Hub
	logged   *syncBuffer
}

// syncBuffer takes the log of concurrent requests.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func activeSale() sale.Snapshot {
	return sale.Snapshot{
		ID: 1, Slug: "first", Generation: 3, State: sale.Open, Partition: 2,
		StartsAt: noon.Add(-2 * time.Hour), EndsAt: noon.Add(time.Hour),
		Total: 5, Taken: 2, Version: 57, Revision: 9, Now: noon,
		Limit: sale.PressLimit{AccountRate: 2, AccountBurst: 10, NetworkRate: 50, NetworkBurst: 250},
		Product: &sale.Product{
			Name: "Lamp", Details: []string{"bright"}, CurrencyCode: "USD", CurrencySymbol: "$",
			PriceMinor: 49_900, DiscountMinor: 20_005,
			Images: sale.Images{Main: sale.Image{URL: "/static/a.svg", Alt: "a lamp"}},
		},
	}
}

func receipt(name string) sale.Receipt {
	return sale.Receipt{
		OrderID: uuid.MustParse("8f14e45f-ceea-867a-9a36-dedd4bea2543"), SaleID: 1, Generation: 3,
		UserID: 7, Username: name, Unit: 3, At: noon.Add(-time.Minute), Attempt: 1,
	}
}

// newWorld is a demo-mode server unless change says otherwise.
func newWorld(t testing.TB, change ...func(*Config)) *world {
	t.Helper()
	w := &world{
		catalog:  &fakeCatalog{snaps: []sale.Snapshot{activeSale()}, changed: make(chan struct{}, 1)},
		checkout: &fakeCheckout{receipts: map[string]sale.Receipt{}},
		orders:   &fakeOrders{order: sale.Order{Receipt: receipt("alice"), Slug: "first", Product: "Lamp", Sold: *activeSale().Product}},
		users:    &fakeUsers{},
		desk:     &fakeDesk{list: operator.OrderList{Slug: "first", Generation: 3, Orders: []operator.DeskOrder{deskOrder("alice")}}},
		hub:      live.New(3),
		logged:   &syncBuffer{},
	}
	w.ops = &fakeOperations{catalog: w.catalog}
	w.checkout.buy = func(p sale.PurchaseRequest) sale.Answer {
		return sale.Answer{Kind: sale.Bought, Receipt: receipt(p.Name), Username: p.Name, Sale: w.catalog.All()[0]}
	}
	cfg := Config{
		Catalog: w.catalog, Checkout: w.checkout, Orders: w.orders, Users: w.users, Operations: w.ops, Desk: w.desk, Prover: w.ops, Hub: w.hub,
		Demo: true, CORSOrigins: []string{"http://localhost:3000"}, DemoHosts: []string{"shop.example:80"},
		Logger: slog.New(slog.NewJSONHandler(w.logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&cfg)
	}
	w.Server = New(cfg)
	return w
}

// accountsMode makes the server one that knows its shoppers by a field of the request: "alice" or "root!" for an
// operator.
func accountsMode(c *Config) {
	c.Demo = false
	c.Principals = request.Principals{Sessions: fakeSessions{}}
}

// fakeSessions takes a name for a credential: "vera?" is a viewer, "root!" an operator, "olga!!" an owner.
type fakeSessions struct{}

func (fakeSessions) Check(credential string, _ time.Time) (login.Session, error) {
	name := strings.TrimRight(credential, "?!")
	role := map[string]login.Role{"": login.NoRole, "?": login.Viewer, "!": login.Operator, "!!": login.Owner}[credential[len(name):]]
	switch name {
	case "":
		return login.Session{}, login.ErrNoSession
	case "expired":
		return login.Session{}, login.ErrExpired
	case "revoked":
		return login.Session{}, login.ErrRevoked
	}
	return login.Session{Account: int64(crc32.ChecksumIEEE([]byte(name))), Username: name, Role: role}, nil
}

func (fakeSessions) Fresh() bool { return true }

func (fakeSessions) Refresh(context.Context) error { return nil }

func (fakeSessions) Renew(_ context.Context, old login.Session, _ time.Time) (string, login.Session, error) {
	return "", old, nil
}

// reply is an answer with its body decoded, when it is JSON.
type reply struct {
	*http.Response
	raw  string
	json map[string]any
}

// send asks the server without a network. fields are "Name: value".
func (w *world) send(t testing.TB, method, target, body string, fields ...string) reply {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "localhost:3001"
	r.RemoteAddr = "192.0.2.7:40000"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		switch {
		case name == "Host":
			r.Host = value
		case name == "Test-Session":
			signIn(r, value)
		case value == "-":
			r.Header.Del(name)
		default:
			r.Header.Set(name, value)
		}
	}
	rec := httptest.NewRecorder()
	w.Handler().ServeHTTP(rec, r)
	return read(t, rec.Result())
}

func read(t testing.TB, res *http.Response) reply {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := reply{Response: res, raw: string(body)}
	if strings.Contains(res.Header.Get("Content-Type"), "json") && len(body) > 0 {
		if err := json.Unmarshal(body, &out.json); err != nil {
			t.Fatalf("%s is not JSON: %v", body, err)
		}
	}
	return out
}

// has checks fields of the document; a nil value means that the field must be absent.
func (r reply) has(t testing.TB, want map[string]any) {
	t.Helper()
	for field, value := range want {
		got, present := r.json[field]
		if n, ok := value.(int); ok {
			value = float64(n)
		}
		if value == nil && present || value != nil && got != value {
			t.Errorf("%s is %v, want %v, in %s", field, got, value, r.raw)
		}
	}
}

// problem checks that the answer is a problem of that status and type.
func (r reply) problem(t testing.TB, status int, name string) {
	t.Helper()
	if r.StatusCode != status {
		t.Errorf("status %d, want %d: %s", r.StatusCode, status, r.raw)
	}
	if ct := r.Header.Get("Content-Type"); !strings.HasPrefix(ct, "application/problem+json") {
		t.Errorf("content type %q", ct)
	}
	r.has(t, map[string]any{"type": "/problems/" + name, "status": status, "success": false})
	if m, _ := r.json["message"].(string); m == "" {
		t.Errorf("no message in %s", r.raw)
	}
}

// signIn gives a request the session of that name, over TLS.
func signIn(r *http.Request, name string) {
	r.TLS = &tls.ConnectionState{}
	r.Header.Set("Cookie", "__Host-session="+name)
}
