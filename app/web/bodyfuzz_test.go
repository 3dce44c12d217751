package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"flashsale/app/web/request"
	"flashsale/users"
)

const formType = "application/x-www-form-urlencoded"

// asking is a request with bytes that no client library sends, past the parser of requests.
type asking struct {
	host, from, method, path, query string
	body                            []byte
	fields                          http.Header
}

func (w *world) asks(t testing.TB, a asking) reply {
	t.Helper()
	r := httptest.NewRequest(a.method, "/", bytes.NewReader(a.body))
	// As net/http does it: what was escaped needlessly is kept beside the plain path.
	plain, err := url.PathUnescape(a.path)
	if err != nil {
		t.Fatal(err)
	}
	r.URL = &url.URL{Path: plain, RawQuery: a.query}
	if r.URL.EscapedPath() != a.path {
		r.URL.RawPath = a.path
	}
	r.Host, r.RemoteAddr, r.Header = a.host, a.from, a.fields
	if name := a.fields.Get("Test-Session"); name != "" {
		signIn(r, name)
	}
	rec := httptest.NewRecorder()
	w.Handler().ServeHTTP(rec, r)
	return read(t, rec.Result())
}

// ask is asks to the server's own host.
func (w *world) ask(t testing.TB, method, path, query string, body []byte, h http.Header) reply {
	t.Helper()
	return w.asks(t, asking{"localhost:3001", "192.0.2.7:40000", method, path, query, body, h})
}

func ofType(contentType string) http.Header { return http.Header{"Content-Type": {contentType}} }

// quietWorld is a world that is asked again and again: it remembers the last question only, and logs nothing.
func quietWorld(t testing.TB, change ...func(*Config)) *world {
	t.Helper()
	return newWorld(t, append(change, func(c *Config) { c.Logger = slog.New(slog.DiscardHandler) })...)
}

func (w *world) forget() {
	w.checkout.requests, w.checkout.asked, w.checkout.at, w.ops.calls = nil, nil, nil, nil
	w.users.asked, w.users.listedTimes = [2]int{}, 0
}

// refusedClearly checks a 4xx: a problem that a client can read, which names the field when one is wrong.
func (r reply) refusedClearly(t *testing.T, input any) {
	t.Helper()
	if r.StatusCode < 400 || r.StatusCode > 499 || r.json["success"] != false || r.json["status"] != float64(r.StatusCode) {
		t.Fatalf("%q: %d %s", input, r.StatusCode, r.raw)
	}
	if r.StatusCode == http.StatusUnprocessableEntity && firstField(r) == "" {
		t.Fatalf("%q: no field is named: %s", input, r.raw)
	}
	if !utf8.ValidString(r.raw) || strings.Count(r.raw, "\n") != 1 {
		t.Fatalf("%q: not one line of UTF-8: %q", input, r.raw)
	}
}

// FuzzPurchaseBody: a body is read in one way only. With the scanner in front the answer is what the strict decoder alone
// says, a name reaches the checkout in normal form, and anything else is a 4xx that names the field.
func FuzzPurchaseBody(f *testing.F) {
	for _, seed := range []string{
		`{"username":"alice"}`, `{"userId":"a@b.c","username":"a@b.c"}`, `{"username":"\u0061"}`, `{"username":"a","a":{"b":1,"b":2}}`,
		`{"username":"\ud800"}`, "{\"\xff\":1}", `{"username":"İ"}`, `[]`, `{"a":` + strings.Repeat("[", 200), " ", `{"username":" A "}`,
	} {
		f.Add([]byte(seed), false)
	}
	f.Add([]byte("username=alice&userId=%41lice"), true)
	f.Add([]byte("username=a&username=b&userId=c&userId=d&userIdentifier=%ff"), true)
	w := quietWorld(f)
	f.Fuzz(func(t *testing.T, body []byte, form bool) {
		w.forget()
		h := ofType("application/json")
		if form {
			h = ofType(formType)
		}
		res := w.ask(t, http.MethodPost, "/api/flash-sale/purchase", "", body, h)
		if again := w.ask(t, http.MethodPost, "/api/flash-sale/purchase", "", body, h); again.raw != res.raw {
			t.Fatalf("%q: first %s, then %s", body, res.raw, again.raw)
		}
		name, err := strictly(body, h)
		if res.StatusCode != http.StatusCreated {
			res.refusedClearly(t, body)
			if err == nil || len(w.checkout.requests) != 0 {
				t.Fatalf("%q: refused, but the strict decoder reads %q (the checkout was asked %v)", body, name, w.checkout.requests)
			}
			return
		}
		if err != nil || len(w.checkout.requests) != 2 || w.checkout.requests[0].Name != name {
			t.Fatalf("%q: the checkout was asked %+v, the strict decoder reads %q, %v", body, w.checkout.requests, name, err)
		}
	})
}

// strictly is the name in normal form by the strict decoder alone.
func strictly(body []byte, h http.Header) (string, error) {
	if len(body) > request.MaxBody {
		return "", request.ErrTooLarge
	}
	fields := request.Spec{"username": request.Text, "userIdentifier": request.Text, "userId": request.Text}
	v, err := request.DecodeBody(h, body, fields)
	if err != nil {
		return "", err
	}
	names := map[string]bool{}
	for _, name := range v {
		names[name.(string)] = true
	}
	if len(names) > 1 {
		return "", errors.New("two names")
	}
	for name := range names {
		return users.NormalName(name)
	}
	return users.NormalName("")
}

// FuzzOperatorBodies: an operator's act is carried out once, with the values that another decoder reads in the body, or it is
// refused and nothing is done.
func FuzzOperatorBodies(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `{"resetToSmallStock":false}`, `{"stockAmount":7}`, `{"userCount":1000000}`, `{"userCount":-0}`, `{"stockAmount":1e2}`,
		`{"stockAmount":99999999999999999999}`, `{"userCount":0}`, `{"stockAmount":"7"}`, `{"resetToSmallStock":null}`,
		`{"stockAmount":1,"\u0073tockAmount":2}`, `{"userCount":1}{"userCount":2}`, `{"stockamount":3}`,
	} {
		f.Add([]byte(seed), false)
	}
	f.Add([]byte("resetToSmallStock=on&stockAmount=+7&userCount=07"), true)
	f.Add([]byte("resetToSmallStock=on;stockAmount=7"), true)
	w := quietWorld(f)
	orders := []struct {
		path, field, missing string // missing: what is done without the field; "": it is required
		done                 func(value string) (call string, ok bool)
	}{
		{"/api/flash-sale/reset", "resetToSmallStock", "reset  small", func(v string) (string, bool) {
			return map[string]string{"true": "reset  small", "false": "reset  keep"}[v], v == "true" || v == "false"
		}},
		{"/api/flash-sale/update-stock", "stockAmount", "", func(v string) (string, bool) { return "stock  " + v, within(v, 0, 100_000_000) }},
		{"/api/users/seed", "userCount", "seed 10", func(v string) (string, bool) { return "seed " + v, within(v, 0, 1_000_000) }},
	}
	f.Fuzz(func(t *testing.T, body []byte, form bool) {
		for _, order := range orders {
			w.forget()
			h, read := ofType("application/json"), jsonField
			if form {
				h, read = ofType(formType), formField
			}
			res := w.ask(t, http.MethodPost, order.path, "", body, h)
			value, given := read(body, order.field)
			want, ok := order.missing, order.missing != ""
			if given {
				want, ok = order.done(value)
			}
			if res.StatusCode != http.StatusOK {
				res.refusedClearly(t, body)
				if len(w.ops.calls) != 0 {
					t.Fatalf("%s %q: refused after %v", order.path, body, w.ops.calls)
				}
				continue
			}
			if !ok || !slices.Equal(w.ops.calls, []string{want}) {
				t.Fatalf("%s %q: did %q, want %q (%v)", order.path, body, w.ops.calls, want, ok)
			}
		}
	})
}

func within(v string, low, high int64) bool {
	n, err := strconv.ParseInt(v, 10, 64)
	return err == nil && n >= low && n <= high && strconv.FormatInt(n, 10) == v
}

// jsonField reads a field with the standard library, which forgives what the product does not.
func jsonField(body []byte, name string) (string, bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return "", false
	}
	raw, given := fields[name]
	if string(raw) == "-0" {
		return "0", true
	}
	return string(raw), given
}

func formField(body []byte, name string) (string, bool) {
	form, _ := url.ParseQuery(string(body))
	switch v := form.Get(name); {
	case !form.Has(name):
		return "", false
	case name == "resetToSmallStock":
		b, err := strconv.ParseBool(v)
		return strconv.FormatBool(b || v == "on"), err == nil || v == "on"
	default:
		n, err := strconv.ParseInt(v, 10, 64)
		return strconv.FormatInt(n, 10), err == nil
	}
}

// FuzzShopperInAPath: a name that a client has escaped arrives as the name it was, or is refused by its field.
func FuzzShopperInAPath(f *testing.F) {
	for _, seed := range []string{
		"alice", "a b", "../../status", "..", ".", "a/b", "%", "%41", "%2541", "a?b#c", "é", "e\u0301", "\x00", "a;b", "*", ":userIdentifier", "\xff", "a+b",
	} {
		f.Add(seed)
	}
	w := quietWorld(f)
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" {
			return
		}
		w.forget()
		res := w.ask(t, http.MethodGet, "/api/flash-sale/purchase/"+url.PathEscape(name), "", nil, http.Header{})
		want, err := users.NormalName(name)
		if err != nil {
			res.refusedClearly(t, name)
			if firstField(res) != "userIdentifier" || w.checkout.asks() != 0 {
				t.Fatalf("%q: names %q, asked %v", name, firstField(res), w.checkout.asked)
			}
			return
		}
		if res.StatusCode != http.StatusOK || !slices.Equal(w.checkout.asked, []string{"|" + want}) {
			t.Fatalf("%q: %d, asked %q, want %q", name, res.StatusCode, w.checkout.asked, want)
		}
	})
}

// FuzzPageOfUsers: the page and the size that are listed are those of the query; a query that says something else,
// or nothing that can be read, is refused and not taken for no query.
func FuzzPageOfUsers(f *testing.F) {
	for _, seed := range []string{
		"", "page=1&limit=20", "page=0", "limit=1001", "page=%zz", "page=1;limit=5", "page=1&page=2", "page", "limit=%2B5", "PAGE=3",
		"page=1000000001", "page=99999999999999999999", "x=%&page=2", "page=1%00", "limit=5&&&",
	} {
		f.Add(seed)
	}
	w := quietWorld(f)
	f.Fuzz(func(t *testing.T, query string) {
		w.forget()
		res := w.ask(t, http.MethodGet, "/api/users", query, nil, http.Header{})
		if res.StatusCode != http.StatusOK {
			res.refusedClearly(t, query)
			if w.users.listedTimes != 0 {
				t.Fatalf("%q: refused after listing %v", query, w.users.asked)
			}
			return
		}
		values, err := url.ParseQuery(query)
		page, limit := 1, 20
		for name, into := range map[string]*int{"page": &page, "limit": &limit} {
			if !values.Has(name) {
				continue
			}
			var wrong error
			if *into, wrong = strconv.Atoi(values.Get(name)); wrong != nil || len(values[name]) != 1 {
				t.Fatalf("%q: listed %v", query, w.users.asked)
			}
		}
		if err != nil || w.users.asked != [2]int{page, limit} || page < 1 || page > 1_000_000_000 || limit < 1 || limit > 1000 {
			t.Fatalf("%q (%v): listed %v", query, err, w.users.asked)
		}
	})
}

// FuzzClaimAddress: the Location of a pending claim leads back to the same claim and the same place in the log.
// No similar address is accepted.
func FuzzClaimAddress(f *testing.F) {
	const id = "8f14e45f-ceea-867a-9a36-dedd4bea2543"
	for _, seed := range [][2]string{
		{id, ""}, {id, "at=3.1007"}, {id, "at=3"}, {id, "at=.5"}, {id, "at=-1.5"}, {id, "at=3.99999999999999999999"}, {id, "at=0x3.1"},
		{id, "at=3.1&at=4.1"}, {id, "at=%"}, {strings.ToUpper(id), "at=3.1"}, {"{" + id + "}", ""}, {"urn:uuid:" + id, ""}, {"", ""}, {id, "at=00003.007"},
	} {
		f.Add(seed[0], seed[1])
	}
	w := quietWorld(f)
	w.checkout.claim.State = "pending"
	f.Fuzz(func(t *testing.T, id, query string) {
		if id == "" {
			return
		}
		w.forget()
		res := w.ask(t, http.MethodGet, "/api/flash-sale/claims/"+url.PathEscape(id), query, nil, http.Header{})
		if res.StatusCode != http.StatusAccepted {
			res.refusedClearly(t, []string{id, query})
			return
		}
		first := w.checkout.at
		location, err := url.Parse(res.Header.Get("Location"))
		if err != nil || !strings.HasSuffix(location.Path, "/claims/"+id) {
			t.Fatalf("%q %q leads to %v (%v)", id, query, location, err)
		}
		if again := w.ask(t, http.MethodGet, location.Path, location.RawQuery, nil, http.Header{}); again.StatusCode != http.StatusAccepted {
			t.Fatalf("%q %q leads to %v, which answers %s", id, query, location, again.raw)
		}
		if second := w.checkout.at; (first == nil) != (second == nil) || first != nil && *first != *second {
			t.Fatalf("%q %q asks at %v, its Location at %v", id, query, first, second)
		}
		if values, err := url.ParseQuery(query); err != nil || (first != nil) != (values.Get("at") != "") || len(values["at"]) > 1 {
			t.Fatalf("%q %q (%v): asked at %v", id, query, err, first)
		}
	})
}
