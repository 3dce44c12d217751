package shop

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"flashsale/sale"
	"flashsale/views/shop"
	"flashsale/views/text"
)

// inOrder are the scenes in an order that does not change.
func inOrder(all map[string]*scene) []string {
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// A sale opens, ends, is paused and sells out while a finger is on the button: none of that, and no note, moves a control.
func TestBrowserStatesMoveNoControl(t *testing.T) {
	s := openStage(t)
	all := scenes()
	delete(all, "none") // a page without a product, which no open page becomes
	all["paused for a long reason"] = scenes()["paused"]
	all["paused for a long reason"].snapshot.Message = strings.Repeat("The card payment is away. ", 7)
	for _, sc := range all {
		sc.others = otherSales() // so that there is a next drop to be shown when nothing is left
	}
	const places = `JSON.stringify([...document.querySelectorAll("#user-id-input, .purchase button, [role=tab]")].map((e) =>
		[e.dataset.testid, ...["x", "y", "width", "height"].map((d) => Math.round(e.getBoundingClientRect()[d]))].join(" ")))`
	const overlaps = `[".offer", ".state", ".figures", ".sale > .caution", ".purchase", ".tabs"].map((q) => document.querySelector(q)).filter(Boolean)
		.filter((e, i, all) => i > 0 && (innerWidth < 768 || !e.matches(".tabs")) && e.getBoundingClientRect().top < all[i - 1].getBoundingClientRect().bottom)
		.map((e) => e.className)`
	for _, width := range []int64{320, 390, 768, 1280} {
		s.do(chromedp.EmulateViewport(width, 800))
		want, first := "", ""
		for _, name := range inOrder(all) {
			s.open(all[name], "/")
			got := value[string](s, places)
			if want == "" {
				want, first = got, name
			}
			if over := value[[]string](s, overlaps); len(over) > 0 {
				t.Errorf("%d wide, %s: these lie over others: %q", width, name, over)
			}
			if got != want {
				t.Errorf("%d wide, %s:\n%s\n%s:\n%s", width, first, want, name, got)
			}
		}
		offline := `document.getElementById("live").dataset.offline = "";`
		if got := value[string](s, offline+places); got != want {
			t.Errorf("%d wide, offline:\n%s\nbefore:\n%s", width, got, want)
		}
	}
}

// huge is a page with the longest of everything.
func huge() *scene {
	sc := scenes()["all-claimed"]
	sc.snapshot.Total, sc.snapshot.Taken, sc.snapshot.EndsAt = 100_000_000, 12_345_678, time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC)
	product := *soldProduct()
	product.Name, product.PriceMinor = strings.Repeat("Donaudampfschiff", 7), 123_456_789_00
	product.Specification = append(product.Specification, sale.Fact{Name: strings.Repeat("n", 100), Value: strings.Repeat("v", 200)})
	product.ImportantInfo = append(product.ImportantInfo, strings.Repeat("i", 200))
	sc.snapshot.Product = &product
	sc.receipt = &sale.Receipt{Username: strings.Repeat("w", 100), Unit: 12_345_678, At: noon}
	sc.users.Pages, sc.users.Total = 5_000_000, 100_000_000
	for _, name := range []string{strings.Repeat("w", 100), "مشتري_بالعربية_" + strings.Repeat("ع", 85), strings.Repeat("界", 100)} {
		sc.users.Users = append(sc.users.Users, shop.User{Name: name, Email: name + "@example.com", OrderID: strings.Repeat("0199c8a2-", 4)})
	}
	return sc
}

// Nothing is wider than the window, whatever is on sale, whoever buys, and with letters of twice the size.
func TestBrowserNothingOverflows(t *testing.T) {
	s := openStage(t)
	const wider = `[...document.querySelectorAll("html, body *")].filter((e) => e.checkVisibility() && !e.closest(".unseen, .skip, thead, .strip, .tablist")
		&& Math.max(e.getBoundingClientRect().right, e.matches("input") ? 0 : e.scrollWidth) > innerWidth + 0.5).map((e) => e.tagName + "." + e.className)`
	for _, letters := range []int64{16, 32} {
		s.do(textSize(letters))
		for _, width := range []int64{320, 390, 768, 1440} {
			s.do(chromedp.EmulateViewport(width, 800))
			for _, path := range []string{"/?tab=users&notice=reset&swept=12345678", "/?tab=specifications", "/?tab=important", "/?check=1&username=" + strings.Repeat("w", 100)} {
				s.open(huge(), path)
				if found := value[[]string](s, wider); len(found) > 0 {
					t.Errorf("%.30s, letters of %d, a window of %d: too wide are %q", path, letters, width, found)
				}
			}
		}
	}
}

// A language that is long and is written from the right fits the smallest phone too, and turns the page round.
func TestBrowserALanguageFromTheRightFits(t *testing.T) {
	defer text.OfferPseudo()()
	s := openStage(t)
	const outside = `[...document.querySelectorAll("body *")].filter((e) => e.checkVisibility() && !e.closest(".unseen, .skip, thead, .strip, .tablist")
		&& (e.getBoundingClientRect().left < -0.5 || e.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)).map((e) => e.tagName + "." + e.className)`
	for _, width := range []int64{320, 1440} {
		s.do(chromedp.EmulateViewport(width, 800))
		for name, path := range map[string]string{"live": "/?lang=ar-XB", "upcoming": "/?lang=ar-XB", "sold-out": "/?tab=users&notice=reset&lang=ar-XB", "named": "/?check=1&username=john_doe&lang=ar-XB"} {
			sc := scenes()[name]
			if sc == nil {
				sc = scenes()["live"]
			}
			s.open(sc, path)
			if found := value[[]string](s, outside); len(found) > 0 {
				t.Errorf("%s, a window of %d: outside are %q", name, width, found)
			}
			if wide := value[bool](s, `document.documentElement.scrollWidth > document.documentElement.clientWidth`); wide {
				t.Errorf("%s, a window of %d: the page is too wide", name, width)
			}
			if turned := value[bool](s, `getComputedStyle(document.body).direction === "rtl" && document.querySelector(".brand").getBoundingClientRect().right > innerWidth / 2`); !turned {
				t.Errorf("%s, a window of %d: the page runs from the left", name, width)
			}
		}
	}
}

// Names stand in an element of their own: a name that is written from the right leaves the order of the sentence alone.
func TestNamesAreIsolated(t *testing.T) {
	t.Parallel()
	sc := huge()
	html, err := render(t.Context(), shop.UserListFragment(sc.users))
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range sc.users.Users {
		if n := strings.Count(string(html), "<bdi>"+user.Name+"</bdi>"); n != 2 {
			t.Errorf("%s stands in %d elements of its own", user.Name, n)
		}
	}
}

// Every state is for everybody: axe-core has nothing to say in either palette.
func TestBrowserStatesAreForEverybody(t *testing.T) {
	s := openStage(t)
	axe, err := os.ReadFile("../../instance/testdata/axe/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	all := scenes()
	for _, name := range inOrder(all) {
		for width, path := range map[int64]string{390: "/", 1280: "/?tab=users&notice=reset&username=john_doe"} {
			s.do(chromedp.EmulateViewport(width, 800))
			s.open(all[name], path)
			s.do(chromedp.Evaluate[chromedp.Void](string(axe)))
			for _, palette := range []string{"light", "dark"} {
				s.do(media("prefers-color-scheme", palette, "prefers-reduced-motion", "reduce"))
				for _, found := range value[[]string](s, `axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
					.then(r => r.violations.map(v => v.id + ": " + v.help + " " + v.nodes.map(n => n.html).join(" ")))`) {
					t.Errorf("%s, %d wide, %s: %s", name, width, palette, found)
				}
			}
		}
	}
}

// A finger needs 44 pixels.
func TestBrowserTargetsAreLargeEnough(t *testing.T) {
	s := openStage(t)
	for _, width := range []int64{320, 1280} {
		s.do(chromedp.EmulateViewport(width, 800))
		s.open(scenes()["live"], "/?tab=users")
		for _, small := range value[[]string](s, `[...document.querySelectorAll("button, a[href], [role=link], input:not([type=hidden])")]
			.filter((e) => e.checkVisibility() && Math.min(e.offsetWidth, e.offsetHeight) < 44).map((e) => e.outerHTML)`) {
			t.Errorf("%d wide, too small: %s", width, small)
		}
	}
}

// In forced colours all washes are gone: edges, the chosen tab and the tones of answers still show.
func TestBrowserForcedColours(t *testing.T) {
	s := openStage(t)
	s.do(media("forced-colors", "active"))
	s.open(scenes()["live"], "/?tab=users&notice=reset")
	styles := value[[]string](s, `["good", "note", "bad"].map((tone) => {
		const box = document.querySelector(".outcome");
		box.dataset.tone = tone;
		return getComputedStyle(box).borderInlineStartStyle;
	})`)
	if slices.Sort(styles); len(slices.Compact(styles)) != 3 {
		t.Errorf("the tones have the edges %q", styles)
	}
	chosen := value[[]string](s, `[...document.querySelectorAll("[role=tab]")].map((e) => getComputedStyle(e)).map((c) => c.borderBottomWidth + c.borderBottomColor)`)
	if chosen[3] == chosen[0] || chosen[0] != chosen[1] {
		t.Errorf("the chosen tab looks like the others: %q", chosen)
	}
	for _, edged := range []string{".desk", ".outcome", ".badge", "progress", "#buy-now-button", "#user-id-input", ".users"} {
		if width := value[string](s, fmt.Sprintf(`getComputedStyle(document.querySelector(%q)).borderTopWidth`, edged)); width == "0px" {
			t.Errorf("%s has no edge", edged)
		}
	}
}

// The page is laid out once: what arrives later has its room.
func TestBrowserLayoutDoesNotShift(t *testing.T) {
	s := openStage(t)
	s.do(inZone("Asia/Kathmandu")) // a script adds the time there
	for _, width := range []int64{320, 390, 1280} {
		for path, name := range map[string]string{"/": "upcoming", "/?tab=users": "live"} {
			s.do(chromedp.EmulateViewport(width, 800))
			s.open(scenes()[name], path)
			if here := value[string](s, `document.getElementById("here").textContent`); !strings.Contains(here, "GMT+5:45") {
				t.Errorf("%s: the time in the reader's zone is %q", name, here)
			}
			shift := value[float64](s, `new Promise((resolve) => {
				let sum = 0;
				new PerformanceObserver((list) => { for (const e of list.getEntries()) sum += e.value; }).observe({ type: "layout-shift", buffered: true });
				setTimeout(() => resolve(sum), 1500);
			})`)
			if shift >= 0.02 {
				t.Errorf("%s, %d wide: the layout shifts by %f", path, width, shift)
			}
		}
	}
}

// On a phone the button for buying is always in sight, and covers nothing that has the focus.
func TestBrowserButtonStaysInSight(t *testing.T) {
	s := openStage(t)
	s.do(chromedp.EmulateViewport(375, 667))
	s.open(scenes()["live"], "/?tab=users")
	seen := map[string]bool{}
	for range 60 {
		s.do(chromedp.KeyEvent(kb.Tab))
		at := value[[]string](s, `(() => {
			const e = document.activeElement, box = e.getBoundingClientRect(), buy = document.getElementById("buy-now-button").getBoundingClientRect();
			const bar = buy.top - 12;
			return [e.dataset.testid || e.id || e.className || e.textContent.trim(), String(e.matches("#buy-now-button, .scroll, [role=tabpanel], body") || box.bottom <= bar), String(buy.bottom <= innerHeight && buy.top > 0)];
		})()`)
		if at[1] != "true" {
			t.Errorf("%s has the focus and is covered", at[0])
		}
		if at[2] != "true" {
			t.Errorf("the button is out of sight when %s has the focus", at[0])
		}
		seen[at[0]] = true
	}
	for _, name := range []string{"skip", "user-id-input", "check-purchase-button", "users-tab", "preset-small", "users-next"} {
		if !seen[name] {
			t.Errorf("the Tab key does not reach %s: %v", name, seen)
		}
	}
}

// The link over everything leads to the contents.
func TestBrowserSkipLink(t *testing.T) {
	s := openStage(t)
	s.open(scenes()["live"], "/")
	s.do(chromedp.KeyEvent(kb.Tab))
	if visible := value[bool](s, `document.activeElement.className === "skip" && getComputedStyle(document.activeElement).clipPath === "none"`); !visible {
		t.Error("the first stop of the Tab key is no visible link")
	}
	s.do(chromedp.KeyEvent(kb.Enter), chromedp.KeyEvent(kb.Tab))
	if in := value[bool](s, `!!document.activeElement.closest("main")`); !in {
		t.Error("the next stop is not in the contents")
	}
}
