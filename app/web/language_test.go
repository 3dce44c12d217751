package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"flashsale/sale"
	"flashsale/views/text"
)

// inGerman are the ways in which somebody says that pages are to be in German.
func inGerman(path string) map[string][]string {
	join := "?"
	if strings.Contains(path, "?") {
		join = "&"
	}
	return map[string][]string{
		path + join + "lang=de": {"Accept-Language: en", "Cookie: lang=en"},
		path:                    {"Cookie: lang=de", "Accept-Language: en"},
		path + "#":              {"Accept-Language: de-AT, en;q=0.5"},
	}
}

// The address counts before the cookie, and the cookie before what the browser asks for; without any of them it is English.
func TestALanguageIsChosenForEveryPage(t *testing.T) {
	t.Parallel()
	for _, page := range []struct {
		path            string
		mode            func(*Config)
		status          int
		german, english string
	}{
		{"/", pressOnce, 200, "Der Verkauf läuft!", "Flash Sale Live!"},
		{"/?tab=users", pressOnce, 200, "Nutzerliste", "List of Users"},
		{"/?check=1&username=bob", pressOnce, 200, "noch nicht gekauft", "purchased this item yet"},
		{receiptAddress(), pressOnce, 200, "Ihr Beleg", "Your receipt"},
		{"/sign-in", accountsMode, 503, "Zurück zum Verkauf", "Back to the sale"},
		{"/nowhere", pressOnce, 404, "Zurück zum Verkauf", "Back to the sale"},
		{"/problems/sold-out", pressOnce, 200, "Alles ist ausverkauft", "Everything is sold out"},
	} {
		w := newWorld(t, page.mode)
		w.browse(t, page.path).shows(t, page.status, `<html lang="en" dir="ltr">`, page.english)
		for path, fields := range inGerman(page.path) {
			r := w.browse(t, strings.TrimSuffix(path, "#"), fields...)
			r.shows(t, page.status, `<html lang="de" dir="ltr">`, page.german, `hreflang="en"`, ">Deutsch</a>")
			r.lacks(t, page.english)
			if r.Header.Get("Content-Language") != "de" || !strings.Contains(r.Header.Get("Vary"), "Accept-Language") || !strings.Contains(r.Header.Get("Vary"), "Cookie") {
				t.Errorf("%s: Content-Language %q, Vary %q", path, r.Header.Get("Content-Language"), r.Header.Get("Vary"))
			}
			kept := r.Header.Get("Set-Cookie")
			if chosen := strings.Contains(path, "lang="); chosen != strings.HasPrefix(kept, "lang=de; Path=/;") || chosen && (!strings.Contains(kept, "HttpOnly") || !strings.Contains(kept, "SameSite=Lax")) {
				t.Errorf("%s: the browser keeps %q", path, kept)
			}
		}
	}
}

// What nobody speaks changes nothing, and is not kept.
func TestALanguageThatNobodySpeaksIsNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, wish := range []string{"fr", "ar-XB", "de-AT", "<script>", strings.Repeat("d", 1000)} {
		r := w.browse(t, "/?lang="+url.QueryEscape(wish))
		if r.Header.Get("Set-Cookie") != "" || strings.Contains(r.raw, "<script>") {
			t.Errorf("%.20s is kept: %s", wish, r.Header.Get("Set-Cookie"))
		}
	}
}

// Pieces that htmx asks for, and the frames of the stream, are in the language of their page and choose none for later.
func TestPiecesOfAPageFollowItsLanguage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	german := append(fragment("outcome"), "Cookie: lang=de")
	w.checkout.buy = func(sale.PurchaseRequest) sale.Answer { return sale.Answer{Kind: sale.UnknownShopper} }
	w.submit(t, "/api/flash-sale/purchase", url.Values{"username": {"nobody"}}, german...).shows(t, 404, "Dieses Konto gibt es nicht")
	w.checkout.buy = func(sale.PurchaseRequest) sale.Answer {
		return sale.Answer{Kind: sale.Bought, Receipt: receipt("alice")}
	}
	w.submit(t, "/api/flash-sale/purchase", url.Values{"username": {"alice"}}, german...).shows(t, 201, "Das Stück gehört Ihnen", "1. Januar 2026", "Der Verkauf läuft!")
	w.send(t, "POST", "/api/flash-sale/purchase", `{"username":"alice"}`, "Accept-Language: de").has(t, map[string]any{"message": "Purchase successful!"})
	piece := w.browse(t, "/status?lang=de", "HX-Request: true")
	piece.shows(t, 200, "Der Verkauf läuft!")
	if kept := piece.Header.Get("Set-Cookie"); kept != "" {
		t.Errorf("a piece of a page chooses for later: %s", kept)
	}
	for path, want := range map[string]string{"/live?lang=de": "Der Verkauf läuft!", "/live": "Flash Sale Live!"} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		frame, ok := listen(ctx, t, w.open(t)+path).next()
		if !ok || !strings.Contains(frame.data, want) {
			t.Errorf("%s: %q", path, frame.data)
		}
		cancel()
	}
}

var (
	tags    = regexp.MustCompile(`(?s)<script.*?</script>|<style.*?</style>|<code.*?</code>|<bdi.*?</bdi>|<[^>]*\blang="(?:en|de)"[^>]*>[^<]*<`)
	markup  = regexp.MustCompile(`(?s)<[^>]*>`)
	spoken  = regexp.MustCompile(`(?:aria-label|alt|placeholder|data-(?:lost|kind|label|buying|looking|still|who|here|unanswered))="([^"]*)"`)
	letters = regexp.MustCompile(`[A-Za-z]{3,}`)
)

// Every text of a page that is not somebody's data goes through the catalogue: in the language of tests no plain word is left.
func TestNoPageHasAWordThatIsInNoCatalogue(t *testing.T) {
	defer text.OfferPseudo()()
	w := newWorld(t)
	twoUsers(w)
	data := regexp.MustCompile(`Lamp|a lamp|bright|Front|alice|alice@example\.com|bob|&#\d+;|&amp;|UTC|Flash Sale System|HWA-E8Q-YEX|Deutsch|English|http\S+|[A-Z_]+=\w+|\bUSD\b`)
	cookie := "Cookie: lang=ar-XB"
	pages := map[string]reply{}
	for _, path := range []string{
		"/", "/?tab=users&notice=reset&swept=2", "/?tab=specifications", "/?tab=important", "/?check=1&username=bob", "/?check=1&username=alice",
		"/?outcome=user-not-found&username=x", receiptAddress(), "/nowhere", "/problems/busy", "/problems/sold-out",
	} {
		pages[path] = w.browse(t, path, cookie)
	}
	for _, status := range []sale.State{sale.Paused, sale.Closed, sale.Scheduled} {
		w.catalog.change(func(s *sale.Snapshot) { s.State = status })
		pages[fmt.Sprint("a sale that is ", status)] = w.browse(t, "/?tab=main", cookie)
	}
	for name, page := range pages {
		if page.StatusCode == http.StatusInternalServerError || !strings.Contains(page.raw, `dir="rtl"`) {
			t.Errorf("%s: %d", name, page.StatusCode)
		}
		_, body, _ := strings.Cut(page.raw, "<body>")
		for _, part := range append(spoken.FindAllString(body, -1), markup.ReplaceAllString(tags.ReplaceAllString(body, "<"), "\n")) {
			if attribute := spoken.FindStringSubmatch(part); attribute != nil {
				part = attribute[1]
			}
			for line := range strings.Lines(part) {
				if word := letters.FindString(data.ReplaceAllString(line, "")); word != "" {
					t.Errorf("%s: %q in %q", name, word, strings.TrimSpace(line))
				}
			}
		}
	}
}
