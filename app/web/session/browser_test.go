package session

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"flashsale/static"
)

// policy is that of the middleware.
const policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// browsers need time on a busy machine; this says when to give up.
const patience = 30 * time.Second

// site is the pages in a browser, for one visitor at a time.
type site struct {
	*testing.T
	ctx  context.Context
	base string
	who  atomic.Value // the name of who is signed in
}

// openSite starts a browser, or skips the test where there is none and CI does not insist.
func openSite(t *testing.T) *site {
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
	case !strings.HasPrefix(t.Name(), "TestBrowser"):
		t.Fatal("CI runs the tests named TestBrowser in a browser, and this one has another name")
	case path == "" && os.Getenv("CI") != "true":
		t.Skip("no Chromium found: install one or name it in CHROME")
	}
	s := &site{T: t}
	s.who.Store("")
	w := newWorld()
	asked := w.hs.cfg.Who
	w.hs.cfg.Who = func(r *http.Request) Visitor {
		r = r.Clone(r.Context())
		r.Header.Set("Test-Session", s.who.Load().(string))
		return asked(r)
	}
	pages := w.routes()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Security-Policy", policy)
		if !strings.HasPrefix(r.URL.Path, "/static/") || !static.Serve(rw, r) {
			pages.ServeHTTP(rw, r)
		}
	}))
	s.base = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	s.ctx, _ = chromedp.NewContext(ctx)
	if err := chromedp.Do(s.ctx); err != nil { // the browser lives as long as the context of its first action
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = chromedp.Cancel(s.ctx)
		cancel()
		server.Close()
	})
	return s
}

func (s *site) do(steps ...chromedp.Action[chromedp.Void]) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		s.Fatal(err)
	}
}

func value[V any](s *site, script string) V {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[V](script, chromedp.EvalAwaitPromise))
	if err != nil {
		s.Fatalf("%s: %v", script, err)
	}
	return v
}

func dark(on bool) chromedp.Action[chromedp.Void] {
	palette := map[bool]string{true: "dark", false: "light"}[on]
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: palette}},
		})
		return err
	})
}

// picture saves the page in the directory SCREENSHOTS, when that is set.
func (s *site) picture(name string) {
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	image, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), image, 0o600); err != nil {
		s.Fatal(err)
	}
}

// Every page is for everybody: axe-core has nothing to say in either palette, and nothing is wider than a phone.
func TestBrowserPagesAreForEverybody(t *testing.T) {
	s := openSite(t)
	axe, err := os.ReadFile("../../instance/testdata/axe/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct{ name, who, path, press string }{
		{"sign-in", "", "/sign-in?next=/account", ""}, {"sign-in-refused", "", "/sign-in", "/sign-in"}, {"sign-up", "", "/sign-up", ""},
		{"sign-up-refused", "", "/sign-up", "/sign-up"}, {"link", "", "/sign-in/link/link", ""}, {"invitation", "", "/invitations/invited", ""},
		{"account", "ann", "/account", ""}, {"account-of-an-owner", "oda", "/account", ""}, {"sessions", "ann", "/account/sessions", ""}, {"orders", "ann", "/account/orders", ""},
		{"verify", "ann", "/account/email/verify", ""}, {"second-factor", "vic", "/account/second-factor", ""},
		{"second-factor-done", "oda", "/account/second-factor", ""}, {"team", "oda", "/admin/team", ""}, {"team-invited", "oda", "/admin/team", "/api/admin/team/invitations"},
	} {
		s.who.Store(p.who)
		for _, width := range []int64{375, 1280} {
			s.do(dark(false), chromedp.EmulateViewport(width, 800), chromedp.Navigate(s.base+p.path))
			if p.press != "" {
				s.do(chromedp.Submit(`form[action="` + p.press + `"]`))
				s.do(chromedp.WaitReady(`main`))
			}
			if wide := value[int64](s, `document.documentElement.scrollWidth`); wide > width {
				t.Errorf("%s: %d wide on %d", p.name, wide, width)
			}
			for _, on := range []bool{false, true} {
				s.do(dark(on))
				s.picture(fmt.Sprintf("%s-%d-%v", p.name, width, on))
				s.do(chromedp.Evaluate[chromedp.Void](string(axe)))
				found := value[[]string](s, `axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
					.then(r => r.violations.map(v => v.id + ": " + v.help + " " + v.nodes.map(n => n.html).join(" ")))`)
				for _, one := range found {
					t.Errorf("%s, %d wide, dark %v: %s", p.name, width, on, one)
				}
			}
		}
	}
}
