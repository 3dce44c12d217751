package shop

import (
	"regexp"
	"testing"

	"github.com/chromedp/chromedp"
)

// The browser's tab shows the state by its picture, and outside demo mode by its title, too.
func TestBrowserTabShowsTheState(t *testing.T) {
	s := openStage(t)
	all := scenes()
	for name, want := range map[string]struct{ title, icon string }{
		"upcoming": {`^\(12:[0-3]\d\) Flash Sale System$`, "icon-wait."},
		"live":     {`^Live · Flash Sale System$`, "icon-live."},
		"paused":   {`^Paused · Flash Sale System$`, "icon-wait."},
		"gone":     {`^Sold out · Flash Sale System$`, "icon-out."},
		"ended":    {`^Ended · Flash Sale System$`, "/icon."},
		"none":     {`^Flash Sale System$`, "/icon."},
	} {
		for path, title := range map[string]string{"/": `^Flash Sale System$`, "/accounts": want.title} {
			s.open(all[name], path)
			got := value[[]string](s, `[document.title, document.querySelector("link[rel=icon]").href]`)
			if !regexp.MustCompile(title).MatchString(got[0]) || !regexp.MustCompile(regexp.QuoteMeta(want.icon)).MatchString(got[1]) {
				t.Errorf("%s, %s: the tab shows %q", path, name, got)
			}
		}
	}
}

// Each state shows what matters in it: a clock before the start, an end that is near, when the last unit went, or that there is nothing.
func TestBrowserStateShowsWhatMatters(t *testing.T) {
	s := openStage(t)
	s.do(chromedp.EmulateViewport(390, 800))
	all := scenes()
	const seen = `((q) => [...document.querySelectorAll(q)].filter((e) => e.checkVisibility() && e.textContent.trim()).map((e) => e.textContent.trim().replace(/\s+/g, " ")).join(" | "))`
	for name, want := range map[string]map[string]string{
		"upcoming": {"#countdown": `^00:12:\d\d$`, ".time > span:first-child": `^Starts 1 January 2026, 12:12:34 UTC$`, ".word": `^$`, ".sale .remind a": `^Remind me`, ".steps li": `up to date`},
		"live":     {"#countdown": `^0[01]:\d\d:\d\d$`, ".word": `^Time left$`, ".sale .remind": `^$`},
		"far":      {"#countdown": `^$`, ".word": `^$`, ".time > span:first-child": `^Ends 1 January 2027, 12:00:00 UTC$`},
		"paused":   {"#countdown": `^$`, ".word": `^$`, ".caution": `same units`},
		"gone":     {"#countdown": `^$`, ".clock": `^after 0.7 s`, ".time > span:first-child": `^Sold out 1 January 2026, 11:59:00 UTC$`, ".steps li": `^$`, ".over": `finds your receipt`},
		"ended":    {"#countdown": `^$`, ".time > span:first-child": `^Ended`, ".caution": `over`},
		"closed":   {"#countdown": `^$`, ".time > span:first-child": `^$`, ".caution": `closed before its end`},
		"message":  {".caution": `^The card payment is away. We go on at 14:00 <UTC>.$`},
		"stale":    {".caution": `your place is safe`},
		"none":     {"h2": `^Nothing is on sale right now$`, ".figures": `^$`, ".purchase": `^$`, "[role=tab]": `List of Users$`, ".caution": `^No sale is announced. “flashsale reset --wipe”`},
	} {
		s.open(all[name], "/")
		for place, words := range want {
			if got := value[string](s, seen+"("+quoted(place)+")"); !regexp.MustCompile(words).MatchString(got) {
				t.Errorf("%s: %s says %q", name, place, got)
			}
		}
	}
	s.open(all["none"], "/accounts")
	if got := value[int](s, `[...document.querySelectorAll("main :is(a, button, input, dd)")].filter((e) => e.checkVisibility()).length`); got != 0 {
		t.Errorf("without a sale the page has %d things to press and to read", got)
	}
}

func quoted(s string) string { return `"` + s + `"` }
