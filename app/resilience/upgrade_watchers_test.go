//go:build unix

package resilience

import (
	"bufio"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// watchers are open pages: each follows a stream, and comes back when the stream says so, as an EventSource does.
type watchers struct {
	url    string
	client *http.Client
	wg     sync.WaitGroup

	mu      sync.Mutex
	at      map[int]string // the instance that each stream is on; none while it is not open
	returns []comingBack
}

// comingBack is the end of one stream, and the next one of the same page.
type comingBack struct {
	page          int
	from          string // the instance that has ended it
	told          time.Duration
	ended, opened time.Time
}

func newWatchers(t *testing.T, base string, many int) *watchers {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &watchers{url: base + "/live", at: map[int]string{}, client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	for page := range many {
		w.wg.Go(func() { w.follow(ctx, page) })
	}
	t.Cleanup(func() { cancel(); w.wg.Wait() })
	for deadline := time.Now().Add(patience); w.open() < many; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d streams are open", w.open(), many)
		}
	}
	return w
}

func (w *watchers) follow(ctx context.Context, page int) {
	var last comingBack
	for ctx.Err() == nil {
		from, told := w.stream(ctx, page, last)
		w.mu.Lock()
		delete(w.at, page)
		w.mu.Unlock()
		last = comingBack{page: page, from: from, told: told, ended: time.Now()}
		select {
		case <-ctx.Done():
		case <-time.After(told):
		}
	}
}

// stream reads one to its end. It says which instance that was on, and when it has told the page to come back.
func (w *watchers) stream(ctx context.Context, page int, before comingBack) (from string, told time.Duration) {
	told = time.Second
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url, http.NoBody)
	if err != nil {
		return "", told
	}
	req.Header.Set("Accept", "text/event-stream")
	res, err := w.client.Do(req)
	if err != nil {
		return "", told
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return "", told
	}
	from = res.Header.Get(instanceHeader)
	w.mu.Lock()
	w.at[page] = from
	if before.from != "" {
		before.opened = time.Now()
		w.returns = append(w.returns, before)
	}
	w.mu.Unlock()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "retry: "); ok {
			if milliseconds, err := strconv.Atoi(value); err == nil {
				told = time.Duration(milliseconds) * time.Millisecond
			}
		}
	}
	return from, told
}

func (w *watchers) open() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.at)
}

// on are the pages whose stream is on that instance.
func (w *watchers) on(instance int) (pages []int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for page, at := range w.at {
		if at == strconv.Itoa(instance) {
			pages = append(pages, page)
		}
	}
	return pages
}

// ended is how each of these pages has come back from that instance the last time.
func (w *watchers) ended(instance int, pages []int) (found []comingBack) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, page := range pages {
		for _, one := range slices.Backward(w.returns) {
			if one.page == page && one.from == strconv.Itoa(instance) {
				found = append(found, one)
				break
			}
		}
	}
	return found
}

// spread checks that the streams which an instance of this version has ended came back over about ten seconds: by what they were
// told, and by when they were open again. The second one is compared with itself only, because a busy machine is late.
func (u *upgrade) spread(streams []comingBack) {
	u.t.Helper()
	if len(streams) < 50 {
		u.t.Fatalf("%d streams were on the instance; the test proves nothing", len(streams))
	}
	var told, took []time.Duration
	for _, one := range streams {
		told, took = append(told, one.told), append(took, one.opened.Sub(one.ended))
	}
	slices.Sort(told)
	slices.Sort(took)
	share := func(sorted []time.Duration, within time.Duration) float64 {
		n := 0
		for _, d := range sorted {
			if d < within {
				n++
			}
		}
		return float64(n) / float64(len(sorted))
	}
	decile := func(sorted []time.Duration, n int) time.Duration { return sorted[n*(len(sorted)-1)/10] }
	u.report.note("%d streams of one instance came back: a tenth within %v, half within %v, all within %v; told %v to %v",
		len(streams), decile(took, 1).Round(time.Millisecond), decile(took, 5).Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond), told[0], told[len(told)-1])
	u.t.Log(u.report.figures[len(u.report.figures)-1])
	if first := share(told, told[0]+time.Second); first > 1.0/3 {
		u.t.Errorf("%.0f %% of the streams are told to come back within one second", 100*first)
	}
	if long := decile(told, 9) - decile(told, 1); long < 5*time.Second {
		u.t.Errorf("the streams are told to come back within %v", long)
	}
	if first := share(took, took[0]+time.Second); first > 0.5 {
		u.t.Errorf("%.0f %% of the streams come back within one second", 100*first)
	}
	if long := decile(took, 9) - decile(took, 1); long < 4*time.Second {
		u.t.Errorf("the streams come back within %v", long)
	}
}
