package instance_test

import (
	"context"
	"os"
	"strconv"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// scriptAtStart runs in each document of the tab before the page's own scripts.
func scriptAtStart(source string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: source})
		return err
	})
}

// fakePage runs the script of the stream in a page that there is not: each connection is answered by the function given, and the
// pauses before the next ones take no time. It gives those pauses.
const fakePage = `((source, connections, connect) => new Promise((done) => {
	const pauses = [];
	const target = { addEventListener() {}, dispatchEvent: () => true };
	const live = { ...target, dataset: { stream: '/live', beat: '15000' } };
	const pause = (next, milliseconds) => { pauses.push(Math.round(milliseconds)); if (pauses.length < connections) queueMicrotask(next); else done(pauses) };
	new Function('document', 'window', 'navigator', 'fetch', 'setTimeout', 'setInterval', 'clearInterval', source)(
		{ ...target, hidden: false, getElementById: () => live }, target, {}, async () => connect(), pause, () => 0, () => {});
}))`

// Pages whose streams end together come back at different moments, after growing pauses, and no sooner than they are asked to.
func TestBrowserPausesBetweenStreams(t *testing.T) {
	t.Parallel()
	takesLong(t)
	p := openTab(t, startBrowser(t), "about:")
	p.open("blank")
	source, err := os.ReadFile("../../static/assets/stream.js")
	if err != nil {
		t.Fatal(err)
	}
	pauses := func(connections int, connect string) []int {
		t.Helper()
		ctx, cancel := context.WithTimeout(p.ctx, patience)
		defer cancel()
		got, err := chromedp.Run(ctx, chromedp.Evaluate[[]int](fakePage+`(`+strconv.Quote(string(source))+`, `+strconv.Itoa(connections)+`, `+connect+`)`, chromedp.EvalAwaitPromise))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	within := func(name string, got []int, least, most int) {
		t.Helper()
		different := map[int]bool{}
		for _, milliseconds := range got {
			different[milliseconds] = true
			if milliseconds < least || milliseconds > most {
				t.Errorf("%s: a pause of %d ms, want %d to %d: %v", name, milliseconds, least, most, got)
				return
			}
		}
		if len(got) > 10 && len(different) < len(got)/2 {
			t.Errorf("%s: the pauses are the same: %v", name, got)
		}
	}
	const stream = `{ headers: { 'Content-Type': 'text/event-stream' } }`
	within("after a stream", pauses(30, `() => new Response('retry: 3000\nid: 1\ndata: a frame\n\n', `+stream+`)`), 3000, 3750)
	within("after the product has stopped", pauses(30, `() => new Response('retry: 1000\nid: 1\ndata: a frame\n\nretry: 9000\nevent: time\ndata: 1\n\n', `+stream+`)`), 9000, 11_250)
	broken := pauses(40, `() => { throw new TypeError('no network') }`)
	within("the first without a connection", broken[:1], 2000, 4000)
	within("later without a connection", broken[5:], 7500, 15_000)
	within("without room", pauses(30, `() => new Response('', { status: 503, headers: { 'Retry-After': '20' } })`), 20_000, 25_000)
}
