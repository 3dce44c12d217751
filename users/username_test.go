package users

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

func TestNamesThatSomebodyNewMayTake(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]struct{ shown, key string }{
		"john":            {"john", "john"},
		"  John  Doe ":    {"John Doe", "john doe"},
		"Stra\u00dfe":     {"Stra\u00dfe", "strasse"},
		"Jose\u0301":      {"Jos\u00e9", "jos\u00e9"},
		"...":             {"...", "..."},
		".john.":          {".john.", ".john."},
		"a;b=c&d+e:f,g$h": {"a;b=c&d+e:f,g$h", "a;b=c&d+e:f,g$h"},
		"<b>'; drop":      {"<b>'; drop", "<b>'; drop"},
		"admin":           {"admin", "admin"},
		"可口可乐":            {"可口可乐", "可口可乐"},
		"น้ำ":             {"น้ำ", "น้ำ"},           // NFKC splits its vowel
		"\u212aim \ufb01": {"Kim \ufb01", "kim fi"}, // folding makes these one with the ordinary letters
	} {
		shown, key, err := NewUsername(raw)
		if err != nil || shown != want.shown || key != want.key {
			t.Errorf("%q: %q, %q, %v", raw, shown, key, err)
		}
		if again, err := NormalName(shown); err != nil || again != key {
			t.Errorf("%q is shown as %q, which is another name: %q, %v", raw, shown, again, err)
		}
		// What a browser makes of a link is the same name again.
		link, err := url.Parse("https://shop.example/api/admin/team/" + url.PathEscape(shown))
		if err != nil {
			t.Fatal(err)
		}
		if rest := strings.TrimPrefix(link.JoinPath().Path, "/api/admin/team/"); rest != shown {
			t.Errorf("in a path %q becomes %q", shown, rest)
		}
	}
}

func TestNamesThatNobodyNewMayTake(t *testing.T) {
	t.Parallel()
	for raw, reason := range map[string]string{
		"":                           "empty",
		" ":                          "empty",
		".":                          "web addresses",
		"..":                         "web addresses",
		" .. ":                       "web addresses",
		"\u2025":                     "web addresses", // two dot leader
		"\uff0e":                     "web addresses", // wide full stop
		"a/b":                        "web addresses",
		"a\uff0fb":                   "web addresses",
		`a\b`:                        "web addresses",
		"100%":                       "web addresses",
		"%2e%2e":                     "web addresses",
		"who?":                       "web addresses",
		"#1":                         "web addresses",
		"john@example.com":           "@",
		"john\uff20example":          "@",
		"john\ufe6bexample":          "@",
		"\uff4aohn_doe":              "ordinary", // wide j
		"\uff2aOHN_doe":              "ordinary", // wide J
		"john\u00b2":                 "ordinary", // raised 2
		"\U0001d423ohn":              "ordinary", // mathematical j
		"\u24d9ohn":                  "ordinary", // circled j
		"น\u0e4d\u0e32":              "ordinary", // the two characters of the vowel am
		"Erased-1":                   "erased-",
		"john\u202eeod":              "direction",
		"john\x00":                   "control",
		strings.Repeat("a", 101):     "at most 100",
		strings.Repeat("\u00df", 51): "at most 100",
	} {
		if shown, key, err := NewUsername(raw); !errors.Is(err, ErrName) || !strings.Contains(err.Error(), reason) || shown+key != "" {
			t.Errorf("%q: %q, %q, %v; want %q", raw, shown, key, err, reason)
		}
	}
}

func TestNormalAddress(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"John@Example.COM": "john@example.com", " a@b ": "a@b", `"a@b"@example.com`: `"a@b"@example.com`,
		"john": "", "@example.com": "", "john@": "", "jo hn@example.com": "", "": "",
		"0123456789abcdef0123456789abcdef@unverified.invalid": "", "x@ERASED.invalid": "",
	} {
		if got, err := NormalAddress(raw); got != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, ErrName) {
			t.Errorf("%q: %q, %v", raw, got, err)
		}
	}
}
