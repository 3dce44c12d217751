package users

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestNormalName(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ raw, want string }{
		"plain":                             {"john_doe_1", "john_doe_1"},
		"white space around it":             {"  john_doe \t\n", "john_doe"},
		"space within stays":                {"john doe", "john doe"},
		"spaces of any width are one":       {"john \u00a0\u3000 doe", "john doe"},
		"heart on fire":                     {"\u2764\ufe0f\u200d\U0001f525", "\u2764\ufe0f\u200d\U0001f525"},
		"half a conjunct":                   {"\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937"},
		"upper case":                        {"John_DOE", "john_doe"},
		"address":                           {"John@Example.COM", "john@example.com"},
		"full folding":                      {"Straße", "strasse"},
		"dotless and dotted I":              {"İI", "i̇i"},
		"final sigma":                       {"ΣΟΦΟΣ", "σοφοσ"},
		"decomposed becomes composed":       {"Jose\u0301", "jos\u00e9"},
		"folding that undoes NFC":           {"\u0130", "i\u0307"},
		"Kelvin sign":                       {"\u212a", "k"},
		"ypogegrammeni":                     {"\u0391\u0345", "\u03b1\u03b9"},
		"equal marks in another order":      {"\u0391\u0345\u0301", "\u03ac\u03b9"},
		"equal marks in their order":        {"\u0391\u0301\u0345", "\u03ac\u03b9"},
		"Persian needs its joiner":          {"می\u200cخواهم", "می\u200cخواهم"},
		"emoji family and heart":            {"👩\u200d👧 ❤\ufe0f", "👩\u200d👧 ❤\ufe0f"},
		"hundred characters":                {strings.Repeat("é", 100), strings.Repeat("é", 100)},
		"hundred after trimming":            {" " + strings.Repeat("a", 100) + " ", strings.Repeat("a", 100)},
		"address of 254 characters":         {strings.Repeat("a", 242) + "@example.com", strings.Repeat("a", 242) + "@example.com"},
		"markup is text, not ours to judge": {"<b>'; drop", "<b>'; drop"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := NormalName(tt.raw)
			if err != nil || got != tt.want {
				t.Fatalf("NormalName(%+q) = %+q, %v; want %+q", tt.raw, got, err, tt.want)
			}
		})
	}
}

func TestNormalNameRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ raw, reason string }{
		"empty":                        {"", "empty"},
		"only white space":             {" \u00a0\t", "empty"},
		"101 characters":               {strings.Repeat("a", 101), "at most 100"},
		"folding makes it too long":    {strings.Repeat("ß", 51), "at most 100"},
		"address of 255 characters":    {strings.Repeat("a", 243) + "@example.com", "at most 254"},
		"a megabyte":                   {strings.Repeat("a", 1<<20), "at most"},
		"not UTF-8":                    {"john\xff", "UTF-8"},
		"zero byte":                    {"john\x00", "control"},
		"line break":                   {"john\ndoe", "control"},
		"escape":                       {"\x1b[31mjohn", "control"},
		"C1 control":                   {"john\u0085doe", "control"},
		"line separator":               {"john\u2028doe", "control"},
		"right-to-left override":       {"john\u202eeod", "direction"},
		"right-to-left mark":           {"\u200fjohn", "direction"},
		"zero-width space":             {"jo\u200bhn", "invisible"},
		"joiner between Latin letters": {"jo\u200dhn", "invisible"},
		"soft hyphen":                  {"jo\u00adhn", "invisible"},
		"byte order mark":              {"\ufeffjohn", "invisible"},
		"Hangul filler":                {"\u3164", "invisible"},
		"grapheme joiner":              {"jo\u034fhn", "invisible"},
		"joiner after an accent":       {"jos\u00e9\u200dx", "invisible"},
		"joiner after a loose accent":  {"x\u0301\u200dx", "invisible"},
		"joiner at the end":            {"\u0645\u06cc\u200c", "invisible"},
		"two joiners":                  {"\u0645\u200c\u200c\u0645", "invisible"},
		"selector that selects none":   {"\u05d0\ufe0f", "invisible"},
		"selector after a selector":    {"\u2764\ufe0f\ufe0f", "invisible"},
		"blank of Braille":             {"\u2800", "invisible"},
		"noncharacter":                 {"john\uffff", "unassigned"},
		"not assigned yet":             {"john\u0378", "unassigned"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := NormalName(tt.raw)
			if !errors.Is(err, ErrName) || !strings.Contains(err.Error(), tt.reason) {
				t.Fatalf("NormalName(%.20q) = %.20q, %v; want an ErrName with %q", tt.raw, got, err, tt.reason)
			}
		})
	}
}

func TestNormalNameOfPlainNamesAllocatesNothing(t *testing.T) {
	n := testing.AllocsPerRun(100, func() {
		if _, err := NormalName("john_doe_12345@example.com"); err != nil {
			t.Error(err)
		}
	})
	if n != 0 {
		t.Fatalf("%v allocations for a plain name, want none", n)
	}
}

func FuzzNormalName(f *testing.F) {
	for _, seed := range []string{
		"john_doe", " John\u0301 ", "Straße", "İ", "\u1f80\u0345", "a@b", "\u202e", "👩\u200d👧", "\u0390\u03b0",
		"\xf0\x28", "\u00a0x", strings.Repeat("ΐ", 40), "ſt\u0307\u0323", "\u1e9e@\u212b", "ᾳͅ",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		name, err := NormalName(raw)
		if err != nil {
			if !errors.Is(err, ErrName) || name != "" {
				t.Fatalf("%+q: %+q, %v: not an ErrName with an empty name", raw, name, err)
			}
			return
		}
		again, err := NormalName(name)
		if err != nil || again != name {
			t.Fatalf("%+q: normal form %+q becomes %+q, %v", raw, name, again, err)
		}
		limit := maxUsername
		if strings.Contains(name, "@") {
			limit = maxEmail
		}
		if n := utf8.RuneCountInString(name); n < 1 || n > limit {
			t.Fatalf("%+q: %d characters", raw, n)
		}
		if strings.ContainsFunc(name, unicode.IsControl) || strings.Join(strings.Fields(name), " ") != name || !norm.NFC.IsNormalString(name) {
			t.Fatalf("%+q: %+q is not a normal form", raw, name)
		}
		if strings.Contains(name, "@") {
			return
		}
		// The address that seeding makes of a name is the name's own, and no second person's.
		if address, err := NormalName(name + "@example.com"); err != nil || address != name+"@example.com" {
			t.Fatalf("%+q: its address is %+q, %v", name, address, err)
		}
	})
}

func BenchmarkNormalNamePlain(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = NormalName("john_doe_12345")
	}
}
