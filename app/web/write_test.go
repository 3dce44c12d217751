package web

import (
	"bytes"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

// What is written by hand is what the libraries write.
func TestHandWrittenTextIsTheLibraries(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMilli(rapid.Int64Range(-1e14, 1e15).Draw(t, "at")).Add(time.Duration(rapid.IntRange(0, 999_999).Draw(t, "part")))
		at = at.In(time.FixedZone("there", rapid.IntRange(-12, 12).Draw(t, "zone")*3600))
		if got, want := string(appendInstant(nil, at)), at.UTC().Format(instantLayout); got != want {
			t.Errorf("%v is written %s, want %s", at, got, want)
		}
		text := rapid.String().Draw(t, "text")
		want, err := jsontext.AppendQuote(nil, text)
		if got := appendString(nil, text); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q is written %s, want %s (%v)", text, got, want, err)
		}
	})
}

func TestRequestIDsAreNeverTheSame(t *testing.T) {
	t.Parallel()
	g, seen := newRequestIDs(), map[string]bool{}
	for range 5 * idBlock {
		id := g.next()
		if len(id) != 1 || cap(id) != 1 || !saneID(id[0]) || seen[id[0]] {
			t.Fatalf("%q after %d others", id, len(seen))
		}
		seen[id[0]] = true
	}
}

func TestTheVersionIsTheAnswersOwn(t *testing.T) {
	t.Parallel()
	var v versions
	for _, n := range []int64{1, 1, 2, 1, 0} {
		h := map[string][]string{}
		v.set(h, n)
		if want := map[bool]string{true: itoa64(n)}[n > 0]; (len(h) > 0) != (n > 0) || n > 0 && h[headerSaleVersion][0] != want {
			t.Errorf("version %d: %v", n, h)
		}
	}
}
