package request

import (
	"bytes"
	"strconv"
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
		if got, want := string(AppendInstant(nil, at)), at.UTC().Format(InstantLayout); got != want {
			t.Errorf("%v is written %s, want %s", at, got, want)
		}
		text := rapid.String().Draw(t, "text")
		want, err := jsontext.AppendQuote(nil, text)
		if got := AppendString(nil, text); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q is written %s, want %s (%v)", text, got, want, err)
		}
	})
}

func TestRequestIDsAreNeverTheSame(t *testing.T) {
	t.Parallel()
	g, seen := newRequestIDs(), map[string]bool{}
	for range 5 * idBlock {
		id := g.next()
		if len(id) != 1 || cap(id) != 1 || !validID(id[0]) || seen[id[0]] {
			t.Fatalf("%q after %d others", id, len(seen))
		}
		seen[id[0]] = true
	}
}

func TestTheVersionIsTheAnswersOwn(t *testing.T) {
	t.Parallel()
	var v SaleVersion
	for _, n := range []int64{1, 1, 2, 1, 0} {
		h := map[string][]string{}
		v.Set(h, n)
		if want := map[bool]string{true: strconv.FormatInt(n, 10)}[n > 0]; (len(h) > 0) != (n > 0) || n > 0 && h[headerSaleVersion][0] != want {
			t.Errorf("version %d: %v", n, h)
		}
	}
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		minor int64
		code  string
		want  string
	}{{49_900, "USD", "499.00"}, {5, "EUR", "0.05"}, {0, "EUR", "0.00"}, {-105, "EUR", "-1.05"}, {1200, "JPY", "1200"}, {1234, "KWD", "1.234"}} {
		if got := Amount(c.minor, c.code); got != c.want {
			t.Errorf("%d %s: %s, want %s", c.minor, c.code, got, c.want)
		}
	}
}
