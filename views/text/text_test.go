package text

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"
)

func in(code string) context.Context {
	return With(context.Background(), Choose(code))
}

func inPseudo() context.Context { return With(context.Background(), Pseudo()) }

func TestALanguageIsTheFirstWishThatTheProductSpeaks(t *testing.T) {
	for _, c := range []struct {
		wishes []string
		want   string
	}{
		{nil, "en"},
		{[]string{"", "", ""}, "en"},
		{[]string{"de"}, "de"},
		{[]string{"de-AT"}, "de"},
		{[]string{"DE"}, "de"},
		{[]string{"en-GB", "de"}, "en"},
		{[]string{"", "de", "en"}, "de"},
		{[]string{"fr", "de"}, "de"},
		{[]string{"xx-nonsense;;;", "de"}, "de"},
		{[]string{"fr-CH, de;q=0.7, en;q=0.3"}, "de"},
		{[]string{"fr, it"}, "en"},
		{[]string{"ja"}, "en"},
		{[]string{strings.Repeat("de,", 400)}, "en"},
		{[]string{"ar-XB", "de"}, "de"}, // nobody is offered the language of tests
	} {
		if got := Choose(c.wishes...).Code(); got != c.want {
			t.Errorf("%q: %s, want %s", c.wishes, got, c.want)
		}
	}
}

func TestThePseudoLanguageIsOfferedToTestsAlone(t *testing.T) {
	if n := len(Languages()); n != 2 {
		t.Fatalf("%d languages are offered, want English and German", n)
	}
	end := OfferPseudo()
	if l := Choose("ar-XB"); l != Pseudo() || l.Direction() != "rtl" {
		t.Errorf("chosen is %s, %s", l.Code(), l.Direction())
	}
	end()
	if l := Choose("ar-XB"); l == Pseudo() {
		t.Error("it is still offered")
	}
}

// A language that is found out later is found out once, and only when something is said.
func TestALanguageIsFoundOutWhenItIsNeeded(t *testing.T) {
	asked := 0
	ctx := Later(context.Background(), func() Language { asked++; return Choose("de") })
	if asked != 0 {
		t.Fatal("asked before anything was said")
	}
	for range 3 {
		if From(ctx).Code() != "de" {
			t.Fatal("not German")
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	if got := From(With(ctx, Language{})).Code(); got != "en" {
		t.Errorf("the later word counts, got %s", got)
	}
}

func TestATextWithoutArgumentsIsNoFormat(t *testing.T) {
	const discount = "10%off, 100%"
	if got := Say(in("en"), discount); got != discount {
		t.Errorf("said %q", got)
	}
	if got := Say(in("de"), discount); got != discount {
		t.Errorf("said %q", got)
	}
}

func TestNumbersAreWrittenAsTheLanguageWritesThem(t *testing.T) {
	for code, want := range map[string]string{"en": "1,234,567", "de": "1.234.567"} {
		if got := Number(in(code), 1234567); got != want {
			t.Errorf("%s: %s, want %s", code, got, want)
		}
		if got := Say(in(code), "%d units of nothing", 1234567); got != want+" units of nothing" {
			t.Errorf("%s: %s", code, got)
		}
	}
	if got := Say(in("de"), "%s units of nothing", "1234567"); got != "1234567 units of nothing" {
		t.Errorf("bare digits: %s", got)
	}
}

func TestAMomentIsToldInWords(t *testing.T) {
	at := time.Date(2026, time.March, 2, 15, 4, 5, 0, time.FixedZone("", 3600))
	for code, want := range map[string][3]string{
		"en": {"2 March 2026, 14:04:05 UTC", "2 March 2026, 14:04 UTC", "2 March 2026"},
		"de": {"2. März 2026, 14:04:05 UTC", "2. März 2026, 14:04 UTC", "2. März 2026"},
	} {
		ctx := in(code)
		if got := [3]string{Moment(ctx, at), Minute(ctx, at), Day(ctx, at)}; got != want {
			t.Errorf("%s: %q, want %q", code, got, want)
		}
	}
}

func TestThePseudoLanguageIsLongerAndKeepsWhatIsPutIn(t *testing.T) {
	got := Say(inPseudo(), "You buy as %s, %d times.", "bob & carol", 1234)
	if !strings.Contains(got, "bob & carol") || !strings.Contains(got, "1,234") {
		t.Errorf("an argument is changed: %q", got)
	}
	if rest := strings.Replace(got, "bob & carol", "", 1); strings.ContainsAny(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		t.Errorf("a letter without an accent: %q", got)
	}
	if plain := "You buy as bob & carol, 1,234 times."; len([]rune(got)) <= len([]rune(plain)) {
		t.Errorf("not longer than English: %q", got)
	}
}

// Pages are rendered by many goroutines at once. Under -race this finds what they would share.
func TestManySayAtOnce(t *testing.T) {
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for _, ctx := range []context.Context{in("en"), in("de"), inPseudo()} {
				Say(ctx, "%d units of %s", i, "nothing")
				Say(ctx, "nothing")
				Moment(ctx, time.Unix(0, 0))
			}
		})
	}
	all.Wait()
}

func BenchmarkSay(b *testing.B) {
	ctx := in("de")
	for b.Loop() {
		Say(ctx, "Buy now")
	}
}
