package instance_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// patience is how long a test waits for what a page is to show. It says when to give up, not how fast the page is.
const patience = 30 * time.Second

// chrome finds a browser: the one CHROME names, else one in a well-known place. Without one the test is skipped, but
// where CI=true it fails, so that a build machine cannot lose these tests unnoticed.
func chrome(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("browser tests are not short")
	}
	if !strings.HasPrefix(t.Name(), "TestBrowser") {
		t.Fatal("CI runs the tests named TestBrowser in a browser, and this one has another name")
	}
	if os.Getenv("FLASHSALE_TEST_REAL") == "1" && t.Name() != "TestBrowserRunsTheOriginalsScripts" {
		t.Skip("pages are tested on the embedded stack")
	}
	if named := os.Getenv("CHROME"); named != "" {
		return named
	}
	for _, name := range []string{
		"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
	} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const reason = "no Chromium or Chrome found: install one or name it in CHROME"
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip(reason)
	return ""
}

// takesLong leaves a test that mostly waits to CI, because go test gives all tests of a package ten minutes. Where CI=true it runs.
func takesLong(t *testing.T) {
	t.Helper()
	if os.Getenv("CI") != "true" {
		t.Skip("it mostly waits, so it runs in CI, or by CI=true go test -timeout 30m ./app/instance")
	}
}

// startBrowser starts a browser that ends with the test. It calls no host but those it is sent to.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chrome(t)),
		chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ = chromedp.NewContext(ctx)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("the browser did not end well: %v", err)
		}
		cancel()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("the browser does not start: %v", err)
	}
	return ctx
}

// tab is a page of the running product. Tests find its elements by their data-testid, here called hooks.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string
	// mayFail: requests of this tab may fail, and the console may say so.
	mayFail bool
}

// openTab opens a tab of its own without going anywhere. Errors of the page's scripts and breaches of its policy fail
// the test.
func openTab(t *testing.T, browser context.Context, base string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	p := &tab{t: t, ctx: ctx, base: base}
	messages := chromedp.Console(ctx)
	done := make(chan []chromedp.ConsoleMessage)
	go func() {
		var said []chromedp.ConsoleMessage
		for m, err := range messages {
			if err != nil {
				break
			}
			said = append(said, m)
		}
		done <- said
	}()
	t.Cleanup(func() {
		if t.Failed() {
			p.picture()
		}
		cancel()
		for _, m := range <-done {
			if m.IsException() || strings.Contains(m.Text, "Content Security Policy") || !p.mayFail && strings.Contains(m.Text, "htmx:") {
				t.Errorf("the page complains: %s", m)
			}
		}
	})
	return p
}

// picture saves a screenshot of the page in the directory SCREENSHOTS, when that is set.
func (p *tab) picture() {
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	image, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		p.t.Logf("no picture: %v", err)
		return
	}
	name := strings.NewReplacer("/", "-", " ", "-").Replace(p.t.Name()) + ".png"
	if err := os.WriteFile(filepath.Join(dir, name), image, 0o600); err != nil {
		p.t.Logf("no picture: %v", err)
	}
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

func (p *tab) open(path string) {
	p.t.Helper()
	p.do(chromedp.Navigate(p.base + path))
}

func hook(name string) string { return `[data-testid="` + name + `"]` }

// click presses what carries the hook, once it is visible.
func (p *tab) click(name string) {
	p.t.Helper()
	p.clickAt(hook(name))
}

// clickAt presses what a selector finds, once it is visible. A live update may put another element in its place between
// finding and pressing; then nothing was pressed, and the new one is. It waits for an act of the same panel that is under way: until its
// answer is there the panel takes no other, though the figures may have told already what it did.
func (p *tab) clickAt(selector string) {
	p.t.Helper()
	p.until("the answer to the act before", `!document.querySelector(".controls form.htmx-request")`)
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	for {
		err := chromedp.Do(ctx, chromedp.WaitVisible(selector), chromedp.Click(selector))
		if err == nil {
			return
		}
		if !strings.Contains(err.Error(), "Could not find node") || ctx.Err() != nil {
			p.t.Fatal(err)
		}
	}
}

// name puts a shopper into the form as a shopper does: with keys.
func (p *tab) name(shopper string) {
	p.t.Helper()
	p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('`+hook("user-id-input")+`').select()`),
		chromedp.SendKeys(hook("user-id-input"), shopper))
}

// buy names a shopper and presses the button.
func (p *tab) buy(shopper string) {
	p.t.Helper()
	p.name(shopper)
	p.do(chromedp.WaitEnabled(hook("buy-now-button")))
	p.click("buy-now-button")
}

// value evaluates an expression in the page.
func value[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for a condition of the page. It asks from outside, so that it sees through navigations and works where
// the page's own scripts are off.
func (p *tab) until(what, condition string) {
	p.t.Helper()
	if !p.within(patience, condition) {
		text, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string](`document.querySelector('main')?.innerText.slice(0, 600) ?? ''`))
		p.t.Fatalf("the page never showed %s; it says:\n%s", what, text)
	}
}

// clickUntil clicks, and clicks again while something else undoes the effect, as a shopper does.
func (p *tab) clickUntil(selector, what, condition string) {
	p.t.Helper()
	for range 4 {
		p.clickAt(selector)
		if p.within(patience/5, condition) {
			return
		}
	}
	p.until(what, condition)
}

// within is true when the condition comes true in that time.
func (p *tab) within(long time.Duration, condition string) bool {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, long)
	defer cancel()
	for {
		// An error means that the page is between two documents; the next try asks the new one.
		if ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](condition)); err == nil && ok {
			return true
		}
		if err := chromedp.Do(ctx, chromedp.Sleep(20*time.Millisecond)); err != nil {
			return false
		}
	}
}

func element(name string) string { return `document.querySelector('` + hook(name) + `')` }

// shows waits until the text of a hook's element contains a sentence.
func (p *tab) shows(name, sentence string) {
	p.t.Helper()
	p.until(name+" with "+strconv.Quote(sentence),
		`!!`+element(name)+` && `+element(name)+`.textContent.includes(`+strconv.Quote(sentence)+`)`)
}

// figures waits until the three figures are exactly these bare digits.
func (p *tab) figures(left, sold, total int) {
	p.t.Helper()
	condition := "true"
	for name, n := range map[string]int{"current-stock": left, "sold-stock": sold, "total-stock": total} {
		condition += ` && ` + element(name) + `.textContent === "` + strconv.Itoa(n) + `"`
	}
	p.until(strconv.Itoa(left)+" left, "+strconv.Itoa(sold)+" sold, "+strconv.Itoa(total)+" in all", condition)
}

func (p *tab) absent(name string) {
	p.t.Helper()
	p.until("no "+name, `!`+element(name))
}

// disabled is the real attribute of a button.
func (p *tab) disabled(name string) bool {
	p.t.Helper()
	return value[bool](p, element(name)+`.hasAttribute("disabled")`)
}

// preset opens the tab of users and sets a stock by one click.
func (p *tab) preset(name string) {
	p.t.Helper()
	p.click("users-tab")
	p.click("preset-" + name)
	p.shows("reset-message", name)
}
