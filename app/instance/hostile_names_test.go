package instance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"golang.org/x/net/html"

	"flashsale/app/embedded/embeddedtest"
)

// TestHostileNames sells to people with names that were made to break something, and looks for any effect in all the
// places where a name, or what came of it, can be seen.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	accepted, refused := acceptedNames(), append(refusedNames(), rawBodies()...)
	if distinct := len(slices.Compact(slices.Sorted(slices.Values(accepted)))); distinct != len(accepted) || len(accepted) < 200 {
		t.Fatalf("%d accepted names, %d distinct, and %d refused", len(accepted), distinct, len(refused))
	}
	h := openHostility(t, accepted)
	h.refuses(refusedNames())
	h.sells(accepted)
	h.knowsAgain(variantsOf())
	h.listsInJSON(accepted)
	h.exports(accepted)
	h.showsOnPages(accepted)
	h.streamsNothing(accepted)
	h.keysHoldNoName()
	h.logsOneLineEach(accepted)
	h.Verifies()
}

// hostility is an instance with its people, and what it writes about them.
type hostility struct {
	*client
	d        deployment
	log      *lines
	receipts map[string]string // order ids by name
}

func openHostility(t *testing.T, names []string) *hostility {
	t.Helper()
	d := newDeployment(t)
	h := &hostility{d: d, log: &lines{}, receipts: map[string]string{}}
	d.Config.MaxStock = int64(len(names)) + 10
	d.Log = slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a := d.start(t)
	h.client = newClient(t, a.URL())
	h.unknown(names)
	if _, err := a.wiring.servers.pool.Exec(t.Context(), `
		WITH next AS (UPDATE roster SET version = version + 1, live = live + cardinality($1::text[]), able = able + cardinality($1::text[]) RETURNING version)
		INSERT INTO users (username, username_key, email, email_key, changed)
		SELECT name, name, name || '@example.com', name || '@example.com', version FROM unnest($1::text[]) AS name, next`, names); err != nil {
		t.Fatal(err)
	}
	return h
}

// lines is a log that is read as it was written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
	n    int
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// exports has every name in a file, as it was given.
func (h *hostility) exports(names []string) {
	h.T.Helper()
	bought := map[string]string{}
	for _, name := range names {
		bought[h.receipts[name]] = name
	}
	exportHas(h.T, h.Base, bought)
}

// unknown presses for people who do not exist yet: a clear answer, and nobody is made of the name.
func (h *hostility) unknown(names []string) {
	h.T.Helper()
	for _, name := range names {
		if r := h.BuySettled(name); r.Status != http.StatusNotFound || r.Text("type") != "/problems/user-not-found" {
			h.T.Errorf("%+q, whom nobody knows: %d %s", name, r.Status, r.Raw)
		}
	}
}

func (h *hostility) refuses(names []string) {
	h.T.Helper()
	field := func(r reply) any {
		errors, _ := r.Body["errors"].([]any)
		if len(errors) == 0 {
			return nil
		}
		return errors[0].(map[string]any)["field"]
	}
	for _, name := range names {
		if r := h.Buy(name); r.Status != http.StatusUnprocessableEntity || field(r) != "username" {
			h.T.Errorf("%+q was not refused by its field: %d %s", name, r.Status, r.Raw)
		}
		if name == "" || len(name) > 1000 {
			continue
		}
		if r := h.Call(http.MethodGet, "/api/flash-sale/purchase/"+url.PathEscape(name), nil); r.Status != http.StatusUnprocessableEntity || field(r) != "userIdentifier" {
			h.T.Errorf("%+q was not refused in the path: %d %s", name, r.Status, r.Raw)
		}
	}
	for _, body := range rawBodies() {
		if r := h.send(http.MethodPost, "/api/flash-sale/purchase", body, "application/json", ""); r.Status != http.StatusUnprocessableEntity || field(r) != "username" {
			h.T.Errorf("%q was not refused by its field: %d %s", body, r.Status, r.Raw)
		}
	}
}

// send is call with a body as it is.
func (h *hostility) send(method, path, body, contentType, accept string) reply {
	h.T.Helper()
	req, err := http.NewRequestWithContext(h.T.Context(), method, h.Base+path, strings.NewReader(body))
	if err != nil {
		h.T.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	res, err := h.HTTP.Do(req)
	if err != nil {
		h.T.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var raw bytes.Buffer
	if _, err := raw.ReadFrom(res.Body); err != nil {
		h.T.Fatal(err)
	}
	r := reply{Status: res.StatusCode, Header: res.Header, Raw: raw.String(), Body: map[string]any{}}
	_ = json.Unmarshal(raw.Bytes(), &r.Body)
	return r
}

// answered asks again while the answer is that there is none yet: a machine that is busy takes its time.
func (h *hostility) answered(ask func() reply) reply {
	h.T.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		r := ask()
		if r.Status != http.StatusServiceUnavailable && r.Status != http.StatusAccepted || time.Now().After(deadline) {
			return r
		}
	}
}

// sells to each, and gives each a receipt of their own.
func (h *hostility) sells(names []string) {
	h.T.Helper()
	owners := map[string]string{}
	for i, r := range allAtOnce(h.T, len(names), func(i int) reply { return h.BuySettled(names[i]) }) {
		name, id := names[i], r.Text("purchaseId")
		if r.Status != http.StatusCreated && r.Status != http.StatusOK || r.Text("userId") != name || id == "" {
			h.T.Errorf("%+q: %d %s", name, r.Status, r.Raw)
			continue
		}
		if owner, taken := owners[id]; taken {
			h.T.Errorf("%+q and %+q have the same receipt", name, owner)
		}
		owners[id], h.receipts[name] = name, id
	}
}

// knowsAgain: another way to write a name is the same person, who has bought and does not buy twice.
func (h *hostility) knowsAgain(variants map[string]string) {
	h.T.Helper()
	for variant, name := range variants {
		if r := h.BuySettled(variant); r.Status != http.StatusOK || r.Text("purchaseId") != h.receipts[name] || r.Text("userId") != name {
			h.T.Errorf("%+q is %+q: %d %s", variant, name, r.Status, r.Raw)
		}
	}
}

func (h *hostility) listsInJSON(names []string) {
	h.T.Helper()
	r := h.Call(http.MethodGet, "/api/users?limit=1000", nil)
	if r.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		h.T.Errorf("the list may be taken for something else than JSON: %v", r.Header)
	}
	listed := map[string]any{}
	people, _ := r.Body["users"].([]any)
	for _, p := range people {
		one := p.(map[string]any)
		listed[one["username"].(string)] = one["purchaseId"]
	}
	for _, name := range names {
		if listed[name] != h.receipts[name] {
			h.T.Errorf("%+q is listed with %v, want %s", name, listed[name], h.receipts[name])
		}
		check := h.answered(func() reply { return h.Call(http.MethodGet, "/api/flash-sale/purchase/"+url.PathEscape(name), nil) })
		if check.Text("purchaseId") != h.receipts[name] {
			h.T.Errorf("%+q is checked as %d %s, want %s", name, check.Status, check.Raw, h.receipts[name])
		}
	}
}

// showsOnPages compares a page about each name with the page about a plain one: the same elements with the same
// attributes, and the name once more as text. A name that had any effect would change the shape.
func (h *hostility) showsOnPages(names []string) {
	h.T.Helper()
	const form, browser = "application/x-www-form-urlencoded", "text/html"
	for _, page := range []struct{ method, path, body string }{
		{http.MethodGet, "/?check=1&username=NAME", ""},
		{http.MethodPost, "/api/flash-sale/purchase", "username=NAME"},
	} {
		visit := func(name string) (reply, shape) {
			escaped := strings.NewReplacer("NAME", url.QueryEscape(name))
			r := h.answered(func() reply {
				r := h.send(page.method, escaped.Replace(page.path), escaped.Replace(page.body), form, browser)
				if to, _, _ := strings.Cut(r.Header.Get("Location"), "#"); r.Status == http.StatusSeeOther {
					r = h.send(http.MethodGet, to, "", form, browser)
				}
				return r
			})
			return r, shapeOf(h.T, r.Raw)
		}
		_, plain := visit("kelvin")
		for _, name := range names {
			r, got := visit(name)
			if r.Status != http.StatusOK || !strings.Contains(r.Header.Get("Content-Security-Policy"), "default-src 'self'") {
				h.T.Fatalf("the page of %+q: %d %v", name, r.Status, r.Header)
			}
			if !maps.Equal(got.elements, plain.elements) {
				h.T.Errorf("the page of %+q has another shape: %v", name, got.elements)
			}
			// A press leads to the receipt, which has no form.
			if page.method == http.MethodGet && got.field != name || !got.says("bought by") && !got.says("Bought by") || !got.texts[name] || !got.texts[h.receipts[name]] {
				h.T.Errorf("the page of %+q shows %+q and %v", name, got.field, slices.Collect(maps.Keys(got.texts)))
			}
		}
	}
	h.showsInList(names)
}

// showsInList walks through the pages of the list. The first one, of people with plain names of whom one has bought, has
// every element that there is, but for the way back.
func (h *hostility) showsInList(names []string) {
	h.T.Helper()
	if r := h.BuySettled("john_doe_1"); r.Text("purchaseId") == "" {
		h.T.Fatalf("a plain name: %d %s", r.Status, r.Raw)
	}
	list := func(page int) shape {
		return shapeOf(h.T, h.answered(func() reply {
			return h.send(http.MethodGet, fmt.Sprintf("/?tab=users&page=%d", page), "", "text/plain", "text/html")
		}).Raw)
	}
	plain, shown := list(1), map[string]bool{}
	for page := 2; page <= (len(names)+39)/20; page++ {
		got := list(page)
		for element := range got.elements {
			if plain.elements[element] == 0 && !strings.HasPrefix(element, "a ") && !strings.HasPrefix(element, "button ") {
				h.T.Errorf("page %d of the list has an element of its own: %s", page, element)
			}
		}
		for _, script := range []string{"script src defer ", "script src ", "script "} {
			if got.elements[script] != plain.elements[script] {
				h.T.Errorf("page %d of the list has %d scripts of its own", page, got.elements[script])
			}
		}
		maps.Copy(shown, got.texts)
	}
	for _, name := range names {
		if !shown[name] {
			h.T.Errorf("%+q is not in the list", name)
		}
	}
}

// shape is what a browser makes of a page.
type shape struct {
	elements map[string]int // by name and the names of attributes
	texts    map[string]bool
	field    string // what stands in the form
}

// says is true when a text holds the words.
func (s shape) says(words string) bool {
	for text := range s.texts {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

func shapeOf(t *testing.T, page string) shape {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	s := shape{map[string]int{}, map[string]bool{}, ""}
	for n := range root.Descendants() {
		switch n.Type {
		case html.TextNode:
			s.texts[strings.TrimSpace(n.Data)] = true
		case html.ElementNode:
			element, name, value := n.Data+" ", "", ""
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") {
					t.Errorf("a handler in the page: %s=%q", a.Key, a.Val)
				}
				element += a.Key + " "
				switch a.Key {
				case "name":
					name = a.Val
				case "value":
					value = a.Val
				}
			}
			if n.Data == "input" && name == "username" {
				s.field = value
			}
			s.elements[element]++
		case html.CommentNode:
			s.elements["a comment"]++
		default:
		}
	}
	return s
}

// streamsNothing: the frames that everybody gets hold nobody's name.
func (h *hostility) streamsNothing(names []string) {
	h.T.Helper()
	for _, path := range []string{"/api/flash-sale/stream", "/live"} {
		frame := firstFrame(h.T, h.Base+path)
		for _, name := range names {
			if len(name) > 7 && strings.Contains(frame, name) {
				h.T.Errorf("%s tells everybody about %+q: %s", path, name, frame)
			}
		}
		for line := range strings.Lines(frame) {
			if ok, _ := regexp.MatchString(`^(id: \d+|event: (status|time)|data: .*|retry: \d+|)\n$`, line); !ok {
				h.T.Errorf("%s has a line that is no field: %q", path, line)
			}
		}
	}
}

// firstFrame reads a stream up to the end of its first event.
func firstFrame(t *testing.T, address string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var frame strings.Builder
	for buf := make([]byte, 4096); !strings.Contains(frame.String(), "data: ") || !strings.HasSuffix(frame.String(), "\n\n"); {
		n, err := res.Body.Read(buf)
		frame.Write(buf[:n])
		if err != nil {
			t.Fatalf("%s ended after %q: %v", address, frame.String(), err)
		}
	}
	return frame.String()
}

// keysHoldNoName: every key in Redis is made of the namespace, numbers and words of ours.
func (h *hostility) keysHoldNoName() {
	h.T.Helper()
	redis := embeddedtest.Redis(h.T)
	ours := regexp.MustCompile(`^` + h.d.Config.Namespace + `:\{\d+:\d+\}:(holders|limit|probe|loading:[a-z0-9]+)$`)
	seen := 0
	for cursor := uint64(0); ; {
		entry, err := redis.Do(h.T.Context(), redis.B().Scan().Cursor(cursor).Match(h.d.Config.Namespace+"*").Count(1000).Build()).AsScanEntry()
		if err != nil {
			h.T.Fatal(err)
		}
		for _, key := range entry.Elements {
			if seen++; !ours.MatchString(key) {
				h.T.Errorf("a key that is none of ours: %q", key)
			}
		}
		if cursor = entry.Cursor; cursor == 0 {
			break
		}
	}
	if seen < 2 {
		h.T.Errorf("%d keys were looked at", seen)
	}
}

// logsOneLineEach: a line is a record and nothing else is, and no name is part of any.
func (h *hostility) logsOneLineEach(names []string) {
	h.T.Helper()
	h.log.mu.Lock()
	defer h.log.mu.Unlock()
	n := 0
	for line := range strings.Lines(h.log.text.String()) {
		n++
		if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), unicode.IsControl) || !json.Valid([]byte(line)) {
			h.T.Errorf("a line that is no record: %q", line)
		}
		for _, name := range names {
			if len(name) > 12 && strings.Contains(line, name) {
				h.T.Errorf("%+q is in the log: %s", name, line)
			}
		}
	}
	if n != h.log.n || n == 0 {
		h.T.Errorf("%d lines for %d records", n, h.log.n)
	}
}
