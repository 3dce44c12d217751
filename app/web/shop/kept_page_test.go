package shop

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
)

// What a page shows beside the sale's figures is right again in a while, and pages that nobody asks for make room.
func TestKeptPagesAreBoundedInAgeAndNumber(t *testing.T) {
	t.Parallel()
	shows := "old"
	w := want{
		figures: func() pageFigures { return pageFigures{} },
		render:  func(pageFigures) ([]byte, error) { return []byte(shows), nil },
	}
	page := func(k *keptPages, slug string) string {
		body, err := k.find(pageName{slug: slug}).body(w)
		if err != nil {
			t.Fatal(err)
		}
		return string(body.whole(""))
	}
	k := &keptPages{}
	if page(k, "first") != "old" {
		t.Fatal("another page")
	}
	shows = "new"
	for end := time.Now().Add(patience); page(k, "first") != "new"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the page stays old")
		}
	}
	for n := range 2 * mostKept {
		page(k, strconv.Itoa(n))
		page(k, "first")
	}
	if len(k.pages) > mostKept || k.pages[pageName{slug: "first"}] == nil || k.pages[pageName{slug: "0"}] != nil {
		t.Errorf("%d pages are kept, the one that is asked for: %t", len(k.pages), k.pages[pageName{slug: "first"}] != nil)
	}
}

// A compressed page with a name in it is one stream, whatever the name and wherever it stands.
func TestANameIsPutIntoACompressedPage(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"no place", "#", "a#b", "#a", "a#", "##", strings.Repeat("much text, ", 9000) + "#" + strings.Repeat("more, ", 9000)} {
		p := pack([]byte(page), "#")
		for _, name := range []string{"", "x", "Zoë &amp; co", strings.Repeat("n", 1500)} {
			want := strings.ReplaceAll(page, "#", name)
			r, err := gzip.NewReader(bytes.NewReader(p.gzip(nil, name)))
			if err != nil {
				t.Fatal(err)
			}
			r.Multistream(false)
			got, err := io.ReadAll(r)
			if err != nil || string(got) != want || string(p.whole(name)) != want {
				t.Errorf("%.20q with %.20q: %v, %.40q", page, name, err, got)
			}
		}
	}
}

// failing is a writer whose client has gone.
type failing struct{ http.ResponseWriter }

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// After a write that failed somebody may still read the room of a page, so no other page is put there.
func TestTheRoomOfAPageThatWasNotWrittenIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	p := pack([]byte("a#b"), "#")
	serve := func(to http.ResponseWriter) error {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("Accept-Encoding", "gzip")
		return p.serve(echo.New().NewContext(r, to), "name")
	}
	for range 20 {
		if err := serve(failing{httptest.NewRecorder()}); !errors.Is(err, io.ErrClosedPipe) {
			t.Fatal(err)
		}
		if room := p.buffers.Get(); room != nil {
			t.Fatalf("%v is used again", room)
		}
	}
	if err := serve(httptest.NewRecorder()); err != nil {
		t.Error(err)
	}
}
