package instance

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"flashsale/app/config"
	"flashsale/app/instance/instancetest"
	"flashsale/users"
)

// BenchmarkPress is a press through the product's own wiring, from its request to its answer, without a connection: one that buys,
// with the servers that the tests share, and one that is answered from memory because all is sold.
func BenchmarkPress(b *testing.B) { benchPress(b, func(*config.Config) {}) }

// benchPress measures presses on an instance with these settings.
func benchPress(b *testing.B, set func(*config.Config)) {
	b.Helper()
	p := startPressed(b, set)
	b.Run("answer=bought", func(b *testing.B) { p.presses(b, http.StatusCreated, 0) })
	p.sellOut(b)
	b.Run("answer=sold-out", func(b *testing.B) { p.presses(b, http.StatusConflict, buyers) })
}

// pressed is an instance on which each shopper presses once.
type pressed struct {
	app     *Instance
	handler http.Handler
	next    int
}

// pressers is how many shoppers there are. The first buyers of them may buy, the others find all sold.
const (
	pressers = 12_000
	buyers   = 10_000
)

func startPressed(b *testing.B, set func(*config.Config)) *pressed {
	b.Helper()
	d := deployment{instancetest.New(b)}
	d.Config.MaxStock, d.Config.DrainDelay = pressers, 0
	set(&d.Config)
	a := d.start(b)
	if _, err := a.wiring.users.EnsureSeries(b.Context(), users.AbleLength(pressers), nil); err != nil {
		b.Fatal(err)
	}
	if err := a.wiring.directory.Refresh(b.Context()); err != nil {
		b.Fatal(err)
	}
	return &pressed{app: a, handler: a.web.Handler()}
}

// unheard is an answer that nobody reads but for its status.
type unheard struct {
	header http.Header
	status int
}

func (u *unheard) Header() http.Header         { return u.header }
func (u *unheard) Write(p []byte) (int, error) { return len(p), nil }
func (u *unheard) WriteHeader(status int)      { u.status = status }

func (p *pressed) presses(b *testing.B, want, from int) {
	b.Helper()
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/api/flash-sale/purchase", nil)
	r.Host = "localhost"
	r.Header.Set("Content-Type", "application/json")
	w, body := &unheard{header: http.Header{}}, strings.NewReader("")
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		text := `{"username":"` + users.AbleName(from+1+p.next%(pressers-from)) + `"}`
		p.next++
		press := func() {
			body.Reset(text)
			r.Body, r.ContentLength = io.NopCloser(body), int64(len(text))
			clear(w.header)
			p.handler.ServeHTTP(w, r)
		}
		press()
		for tries := 0; tries < 20 && w.status == http.StatusServiceUnavailable; tries++ { // a machine that is too busy to renew the snapshot
			_ = p.app.wiring.catalog.Refresh(b.Context())
			press()
		}
		if w.status != want && (want != http.StatusCreated || w.status != http.StatusAccepted) {
			b.Fatalf("the press of shopper %d is answered %d, want %d", p.next, w.status, want)
		}
	}
}

// sellOut lowers the stock to what is sold, and waits until the instance knows.
func (p *pressed) sellOut(b *testing.B) {
	b.Helper()
	sold := p.app.wiring.catalog.All()[0].Taken
	if _, err := p.app.wiring.acts.SetStock(b.Context(), demo(), "", sold); err != nil {
		b.Fatal(err)
	}
	for p.app.wiring.catalog.All()[0].Left() > 0 {
		if err := p.app.wiring.catalog.Refresh(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	if p.next > buyers {
		b.Fatal("more have pressed than there are buyers; ask for fewer iterations")
	}
}
