package instance_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// watch gives the page's controls names, and counts the requests under way. A page is at rest when none is and none began for a while.
const watch = `{
	const name = (e) => e && (e.dataset.testid || e.id || e.dataset.try && "try" || e.textContent.trim());
	window.controlsOfPage = () => [...document.querySelectorAll("main :is(button, a[href], input:not([type=hidden]))")].filter((e) => e.checkVisibility());
	window.controlNames = () => [...new Set(controlsOfPage().map(name))];
	window.controlNamed = (wanted) => controlsOfPage().find((e) => name(e) === wanted);
	window.controlAt = (x, y) => name(document.elementFromPoint(x, y)?.closest("button, a, input, [role=link]")) ?? "";
	let underWay = 0, changed = performance.now();
	const count = (n) => () => { underWay += n; changed = performance.now(); };
	document.addEventListener("htmx:before:request", count(1));
	document.addEventListener("htmx:finally:request", count(-1));
	window.pressed = () => { changed = performance.now(); };
	window.atRest = () => underWay <= 0 && performance.now() - changed > 250;
}`

// tap presses a point as a finger does.
func tap(x, y float64) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		for _, one := range []input.DispatchTouchEventParams{
			{Type: input.DispatchTouchEventTypeTouchStart, TouchPoints: []*input.TouchPoint{{X: x, Y: y}}},
			{Type: input.DispatchTouchEventTypeTouchEnd, TouchPoints: []*input.TouchPoint{}},
		} {
			if _, err := chromedp.Call(ctx, input.DispatchTouchEvent, one); err != nil {
				return err
			}
		}
		return nil
	})
}

// Nothing moves under a finger: wherever a control is pressed and answered within the window, a second press at the same point is
// for the same control. The button that fills the form leaves with its tab: then it is for none.
func TestBrowserControlsStayUnderTheFinger(t *testing.T) {
	t.Parallel()
	takesLong(t)
	browser := startBrowser(t)
	base := startProduct(t)
	c := newAPIShoppers(t, base)
	for _, width := range []int64{320, 390, 768, 1280} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			p := openTab(t, browser, base)
			p.do(chromedp.EmulateViewport(width, 800, chromedp.EmulateTouch))
			p.open("/?tab=users")
			p.preset("large")
			p.do(chromedp.Evaluate[chromedp.Void](watch))
			names := value[[]string](p, `controlNames()`)
			if len(names) < 18 {
				t.Fatalf("only %d controls: %q", len(names), names)
			}
			shopper := c.shoppers(1)[0]
			for _, name := range names {
				p.walk(name, shopper)
			}
		})
	}
}

// walk presses one control. The page is opened anew when the last press led away from the users.
func (p *tab) walk(name, shopper string) {
	p.t.Helper()
	if !value[bool](p, `!document.getElementById("panel-users").hidden && `+element("user-id-input")+`.value !== ""`) {
		p.open("/?tab=users&page=2&username=" + shopper)
		p.do(chromedp.Evaluate[chromedp.Void](watch))
	}
	p.until(name, fmt.Sprintf(`!!controlNamed(%q)`, name))
	p.until("a page at rest", `atRest()`)
	at := value[[]float64](p, fmt.Sprintf(`(() => {
		const e = controlNamed(%q);
		if (getComputedStyle(e).position !== "fixed") e.scrollIntoView({ block: "center", behavior: "instant" });
		const box = e.getBoundingClientRect();
		pressed();
		return [box.x + box.width / 2, box.y + box.height / 2, scrollY];
	})()`, name))
	here := fmt.Sprintf(`controlAt(%f, %f)`, at[0], at[1])
	if got := value[string](p, here); got != name {
		p.t.Errorf("%s cannot be pressed: %q lies over it", name, got)
		return
	}
	p.do(tap(at[0], at[1]))
	p.until("a page at rest", `atRest()`)
	got := value[string](p, here)
	switch {
	case got == name:
	case name == "try" && (got == "" || value[float64](p, `scrollY`) != at[2]): // an answer that is out of sight comes into it
	default:
		p.t.Errorf("a second press on %s is for %s", name, got)
	}
}

// The head of the page of the sale is no link: it would load the page again, and take what was typed. On other pages it leads home.
func TestBrowserHeaderKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	takesLong(t)
	browser := startBrowser(t)
	p := openTab(t, browser, startProduct(t))
	p.do(chromedp.EmulateViewport(390, 800, chromedp.EmulateTouch))
	p.open("/")
	p.name("john_doe")
	box := value[[]float64](p, `(() => { const r = document.querySelector("header .name").getBoundingClientRect(); return [r.x, r.y + r.height / 2, r.width]; })()`)
	for _, part := range []float64{0.05, 0.5, 0.95} {
		p.do(tap(box[0]+part*box[2], box[1]))
	}
	p.do(tap(380, box[1]))
	if typed := value[string](p, `document.readyState + " " + `+element("user-id-input")+`.value`); typed != "complete john_doe" {
		t.Errorf("after presses on the head the form holds %q", typed)
	}
	p.open("/no/such/page")
	p.clickAt("header .brand")
	p.until("the page of the sale", `location.pathname === "/"`)
}
