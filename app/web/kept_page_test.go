package web

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"flashsale/sale"
	"flashsale/sale/storefront"
)

// unpacked is the body of an answer that is compressed.
func unpacked(t testing.TB, r reply) string {
	t.Helper()
	if r.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("the answer is not compressed: %v", r.Header)
	}
	reader, err := gzip.NewReader(strings.NewReader(r.raw))
	if err != nil {
		t.Fatal(err)
	}
	reader.Multistream(false) // as browsers read it
	body, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

const packedToo = "Accept-Encoding: gzip, deflate, br"

func TestAPageIsTheSameBytesForEverybody(t *testing.T) {
	t.Parallel()
	for _, mode := range [][]func(*Config){nil, {accountsMode}} {
		w := newWorld(t, mode...)
		for _, path := range []string{"/", "/sales/first"} {
			one, other := w.browse(t, path), w.browse(t, path, "User-Agent: other")
			if one.raw != other.raw || one.Header.Get("Etag") == "" || one.Header.Get("Etag") != other.Header.Get("Etag") {
				t.Errorf("%s differs: %s and %s", path, one.Header.Get("Etag"), other.Header.Get("Etag"))
			}
			small := w.browse(t, path, packedToo)
			if unpacked(t, small) != one.raw {
				t.Errorf("%s is another one when it is compressed", path)
			}
			if small.Header.Get("Etag") == one.Header.Get("Etag") || len(small.raw) > len(one.raw)/2 {
				t.Errorf("compressed: %d of %d bytes, %s", len(small.raw), len(one.raw), small.Header.Get("Etag"))
			}
			if one.Header.Get("Server-Timing") != "ledger;dur=1767268800000" || strings.Contains(one.raw, "data-now") {
				t.Errorf("the time stands in %v, and in the page: %t", one.Header["Server-Timing"], strings.Contains(one.raw, "data-now"))
			}
			for _, fields := range [][]string{{}, {packedToo}} {
				tag := w.browse(t, path, fields...).Header.Get("Etag")
				again := w.browse(t, path, append(fields, "If-None-Match: "+tag)...)
				if again.StatusCode != http.StatusNotModified || again.raw != "" || again.Header.Get("Etag") != tag || again.Header.Get("Content-Encoding") != "" || again.Header.Get("Server-Timing") == "" {
					t.Errorf("%s: %d, %v", path, again.StatusCode, again.Header)
				}
				if changed := w.browse(t, path, append(fields, `If-None-Match: "other"`)...); changed.StatusCode != http.StatusOK {
					t.Errorf("%s with another tag: %d", path, changed.StatusCode)
				}
			}
		}
		if w.checkout.asks() != 0 || w.users.listedTimes != 0 {
			t.Error("a page asks the servers")
		}
	}
}

// The name is put into the page that is kept, and is nowhere else.
func TestAKeptPageHasTheNameOfItsReader(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode)
	tags := map[string]bool{}
	for _, name := range []string{"alice", "bob", "alice", `<b>&"x`} {
		field := "Test-Session: " + name
		shown := strings.NewReplacer("<", "&lt;", ">", "&gt;", "&", "&amp;", `"`, "&#34;").Replace(name)
		plain := w.browse(t, "/", field)
		plain.shows(t, 200, "<bdi>"+shown+"</bdi>", `data-shopper="`+shown+`"`, testID("buy-now-button"))
		small := w.browse(t, "/", field, packedToo)
		if unpacked(t, small) != plain.raw {
			t.Errorf("%s: the compressed page is another one", name)
		}
		if got := small.Header.Get("Cache-Control"); got != "private, no-cache" {
			t.Errorf("kept by others: %s", got)
		}
		tags[small.Header.Get("Etag")] = true
		// What is made for this request alone is the same page.
		if own := w.browse(t, "/?tab=main", field); !strings.Contains(own.raw, `data-shopper="`+shown+`"`) {
			t.Errorf("%s is not in %s", shown, own.raw)
		}
	}
	if len(tags) != 3 {
		t.Errorf("three names have %d tags", len(tags))
	}
	w.browse(t, "/").lacks(t, "alice", "bob", testID("account-link"))
}

// Pages with names are put together in room that is used again. Nobody sees what it had for another visitor.
func TestManyReadersAtOnceSeeTheirOwnNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode)
	for _, name := range []string{"alice", "bob", "christopher_long_name", "d"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 25 {
				got := unpacked(t, w.browse(t, "/", "Test-Session: "+name, packedToo))
				if !strings.Contains(got, `data-shopper="`+name+`"`) || strings.Count(got, "data-shopper=") != 1 {
					t.Errorf("%s is not who the page is for", name)
				}
			}
		})
	}
}

type changingBrand struct {
	mu  sync.Mutex
	now *storefront.Brand
}

func (b *changingBrand) Present() *storefront.Brand {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (*changingBrand) Look(context.Context) error { return nil }

func TestAKeptPageFollowsWhatItShows(t *testing.T) {
	t.Parallel()
	brand := &changingBrand{now: &storefront.Brand{}}
	w := newWorld(t, func(c *Config) { c.Brand = brand })
	w.browse(t, "/").shows(t, 200, "Flash Sale Live!", `data-testid="current-stock">3<`)
	// By an operator or by the clock: at once.
	w.catalog.change(func(s *sale.Snapshot) { s.State, s.Version, s.Revision = sale.Paused, 58, 10 })
	w.browse(t, "/").shows(t, 200, "Paused", `data-version="58"`, `data-revision="10"`)
	w.catalog.change(func(s *sale.Snapshot) { s.State, s.Version, s.Revision = sale.Open, 59, 11 })
	w.catalog.change(func(s *sale.Snapshot) {
		product := *s.Product
		product.Name = "Lantern"
		s.Product, s.Revision, s.Version = &product, 12, 60
	})
	w.browse(t, "/").shows(t, 200, "Flash Sale Live!", "Lantern")
	brand.mu.Lock()
	brand.now = &storefront.Brand{Version: 2, Name: "Northlight"}
	brand.mu.Unlock()
	w.browse(t, "/").shows(t, 200, "Northlight", "Lantern")
	w.catalog.change(func(s *sale.Snapshot) { s.Now = s.EndsAt })
	w.browse(t, "/").shows(t, 200, "Ended")
	w.catalog.change(func(s *sale.Snapshot) { s.Now = noon })
	w.browse(t, "/").shows(t, 200, "Flash Sale Live!")
	// By a purchase: as soon as the pages that are open are sent a frame.
	w.catalog.change(func(s *sale.Snapshot) { s.Taken, s.Version = 4, 61 })
	waitFor(t, func() bool { return strings.Contains(w.browse(t, "/").raw, `data-testid="current-stock">1<`) })
	// Other languages have pages of their own.
	german := w.browse(t, "/?lang=de")
	german.shows(t, 200, `data-stream="/live?lang=de"`)
	if by := w.browse(t, "/", "Accept-Language: de-AT, en;q=0.5"); by.raw != german.raw {
		t.Error("a browser's wish gives another page than the address")
	}
	w.browse(t, "/", "Accept-Language: en").shows(t, 200, `data-stream="/live?lang=en"`)
}

// A press makes ten frames a second at most, and ten pages.
func TestFiguresThatChangeAllTheTimeRenderAPageTenTimesASecond(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tags, began := map[string]bool{}, time.Now()
	for n := range 2000 {
		w.catalog.change(func(s *sale.Snapshot) { s.Version = int64(100 + n) })
		tags[w.browse(t, "/").Header.Get("Etag")] = true
	}
	if most := int(time.Since(began)/(100*time.Millisecond)) + 1; len(tags) > most {
		t.Errorf("%d renderings in %v", len(tags), time.Since(began))
	}
}

// The forms of the demonstration act once by a key, which is no part of a page that everybody gets: the script makes it, and without
// scripts their tab is a page of its own.
func TestAKeptPageHasNoKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if page := w.browse(t, "/").raw; strings.Contains(page, `name="Idempotency-Key" value`) {
		t.Error("a page for everybody has keys in it")
	}
	one, other := w.browse(t, "/?tab=users"), w.browse(t, "/?tab=users")
	if one.raw == other.raw || !strings.Contains(one.raw, `name="Idempotency-Key" value="`) || one.Header.Get("Cache-Control") != "no-store" {
		t.Error("the tab of users has no keys of its own")
	}
}
