package shop

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/events"
	"flashsale/sale"
	"flashsale/static"
	"flashsale/views/shop"
	"flashsale/views/text"
)

// policy is that of the middleware.
const policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// patience says when to give up on a busy machine.
const patience = 30 * time.Second

// scene is what the pages show.
type scene struct {
	snapshot sale.Snapshot
	err      error
	receipt  *sale.Receipt
	users    shop.UserList
	others   []sale.Snapshot // sales beside it
}

// stage is the pages in a browser, without the servers behind them: any state can be shown at once.
type stage struct {
	*testing.T
	ctx   context.Context
	base  string
	shows atomic.Pointer[scene]
}

func (s *stage) Snapshot(string) (sale.Snapshot, error) {
	sc := s.shows.Load()
	return sc.snapshot, sc.err
}

func (s *stage) All() []sale.Snapshot {
	sc := s.shows.Load()
	return append([]sale.Snapshot{sc.snapshot}, sc.others...)
}

func (s *stage) Receipt(context.Context, string, string) (sale.Receipt, bool, error) {
	if own := s.shows.Load().receipt; own != nil {
		return *own, true, nil
	}
	return sale.Receipt{}, false, nil
}

func (s *stage) Claim(context.Context, uuid.UUID, *events.Position) (sale.ClaimState, error) {
	return sale.ClaimState{State: sale.ClaimPending}, nil
}

func (s *stage) Known(context.Context, string) (bool, error) { return true, nil }

func (s *stage) ReceiptSecret(sale.Receipt) string { return "" }

func (s *stage) ReceiptOrder(string) (uuid.UUID, bool) { return uuid.UUID{}, false }

func (s *stage) Ready() bool { return true }

func (s *stage) Order(context.Context, uuid.UUID) (sale.Order, error) {
	return sale.Order{}, sale.ErrNoOrder
}

// openStage starts a browser, or skips the test where there is none and CI does not insist.
func openStage(t *testing.T) *stage {
	t.Helper()
	path := os.Getenv("CHROME")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); path == "" && err == nil {
			path = found
		}
	}
	switch {
	case testing.Short():
		t.Skip("browser tests are not short")
	case !strings.HasPrefix(t.Name(), "TestBrowser") && os.Getenv("SHOP_SCREENSHOTS") == "":
		t.Fatal("CI runs the tests named TestBrowser in a browser, and this one has another name")
	case path == "" && os.Getenv("CI") != "true":
		t.Skip("no Chromium found: install one or name it in CHROME")
	}
	s := &stage{T: t}
	server := httptest.NewServer(s.routes())
	s.base = server.URL
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	s.ctx, _ = chromedp.NewContext(ctx)
	t.Cleanup(func() {
		_ = chromedp.Cancel(s.ctx)
		cancel()
		server.CloseClientConnections()
		server.Close()
	})
	if err := chromedp.Do(s.ctx); err != nil { // the browser lives as long as the context of its first action
		t.Fatal(err)
	}
	return s
}

func (s *stage) routes() http.Handler {
	cfg := Config{
		Catalog: s, Receipts: s, Links: s, Orders: s, Principals: request.Principals{Demo: true}, Log: request.NewLog(nil),
		Users: func(echo.Context) (shop.UserList, error) { return s.shows.Load().users, nil },
	}
	hs := New(cfg)
	cfg.Principals.Demo = false
	e := echo.New()
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc { // as the middleware of app/web does
		return func(c echo.Context) error {
			r := c.Request()
			c.SetRequest(r.WithContext(text.With(r.Context(), request.Language(r))))
			return next(c)
		}
	})
	e.GET("/", hs.Home)
	e.GET("/drops", func(c echo.Context) error { return hs.drops(c, hs.announced()) })
	e.GET("/accounts", New(cfg).Home) // outside demo mode
	e.GET("/status", hs.Status)
	e.GET("/live", s.stream)
	e.GET("/static/*", func(c echo.Context) error {
		if !static.Serve(c.Response(), c.Request()) {
			return echo.ErrNotFound
		}
		return nil
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		e.ServeHTTP(w, r)
	})
}

// stream sends the frame of the scene and then stays silent.
func (s *stage) stream(c echo.Context) error {
	c.Response().Header().Set("Content-Type", "text/event-stream")
	sc := s.shows.Load()
	var frame bytes.Buffer
	hs := New(Config{Principals: request.Principals{Demo: true}})
	if err := shop.StatusFragment(hs.panel(sc.snapshot, sc.err)).Render(c.Request().Context(), &frame); err != nil {
		return err
	}
	fmt.Fprintf(c.Response(), "id: 1\ndata: %s\n\n", strings.ReplaceAll(frame.String(), "\n", " "))
	c.Response().Flush()
	<-c.Request().Context().Done()
	return nil
}

func (s *stage) do(steps ...chromedp.Action[chromedp.Void]) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		s.Fatal(err)
	}
}

func value[V any](s *stage, script string) V {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[V](script, chromedp.EvalAwaitPromise))
	if err != nil {
		s.Fatalf("%s: %v", script, err)
	}
	return v
}

// open shows a scene at a path.
func (s *stage) open(sc *scene, path string) {
	s.Helper()
	s.shows.Store(sc)
	s.do(chromedp.Navigate(s.base+path), chromedp.WaitReady("#sale"))
}

// media emulates what a reader has set: pairs of a feature and its value.
func media(features ...string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		params := emulation.SetEmulatedMediaParams{}
		for i := 0; i+1 < len(features); i += 2 {
			params.Features = append(params.Features, &emulation.MediaFeature{Name: features[i], Value: features[i+1]})
		}
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, params)
		return err
	})
}

// textSize sets the size of letters as a reader does in the browser, in pixels. Browsers begin with 16.
func textSize(pixels int64) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, page.SetFontSizes, page.SetFontSizesParams{
			FontSizes: &page.FontSizes{Standard: pixels, Fixed: pixels * 13 / 16},
		})
		return err
	})
}

// inZone makes a page believe that it is shown in that time zone.
func inZone(name string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: name})
		return err
	})
}
