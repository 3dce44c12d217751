package session

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"flashsale/views/text"
)

func TestPagesOfAccountsAreInTheLanguageOfTheRequest(t *testing.T) {
	german := "Cookie: lang=de"
	runAll(t, []scenario{
		{name: "the sign-in", method: "GET", target: "/sign-in", fields: []string{page, german}, status: 200,
			has: []string{`<html lang="de" dir="ltr">`, "Neu hier? Registrieren", `href="?lang=en"`}, not: []string{"Password", "Sign in"}},
		{name: "by address", method: "GET", target: "/sign-in?next=%2Fx&lang=de", fields: []string{page, "Accept-Language: en"}, status: 200,
			has: []string{"Neu hier?", `href="?lang=en&amp;next=%2Fx"`}},
		{name: "an error at its field", method: "POST", target: "/sign-up", body: form("username", "taken", "password", "correct horse battery"), fields: []string{german}, status: 409,
			has: []string{"Benutzername ist vergeben, bitte wählen Sie einen anderen."}, not: []string{"is taken"}},
		{name: "a field that is empty", method: "POST", target: "/sign-in", body: form("name", "", "password", "x"), fields: []string{german}, status: 422,
			has: []string{"Benutzername oder E-Mail fehlt."}},
		{name: "the orders", method: "GET", target: "/account/orders", fields: []string{asAnn, page, "Accept-Language: de-CH"}, status: 200,
			has: []string{"29. November 2026, 12:00 UTC", "Storniert", "Stück 3"}, not: []string{"Cancelled"}},
		{name: "a document", method: "POST", target: "/sign-in", body: `{"name":"","password":"x"}`, fields: []string{german}, status: 422, has: []string{"name is required"}},
	})
}

var (
	somebodys = regexp.MustCompile(`(?s)<code.*?</code>|<bdi.*?</bdi>|<textarea.*?</textarea>|<dd data-testid="account-(?:username|email)">.*?</dd>|<[^>]*\blang="(?:en|de)"[^>]*>[^<]*<|https?://\S+`)
	markup    = regexp.MustCompile(`(?s)<[^>]*>`)
	words     = regexp.MustCompile(`[A-Za-z]{3,}`)
)

// In the language of tests no plain word is left on a page, but for what somebody has typed.
func TestNoPageOfAccountsHasAWordThatIsInNoCatalogue(t *testing.T) {
	defer text.OfferPseudo()()
	typed := regexp.MustCompile(`UTC|\b(?:alert|till|old|older|ann|oda|vic|Ann|taken|new|Firefox|Linux|first|clock|fine|example|com|script|won|read|operate|export|ci|build)\b|&\w+;|[A-Z2-7]{4}(?: [A-Z2-7]{4})+`)
	w := newWorld()
	for _, one := range [][]string{
		{"GET /sign-in"}, {"GET /sign-up"}, {"GET /account", asAnn}, {"GET /account", asOda}, {"GET /account/sessions", asAnn}, {"GET /account/orders", asAnn},
		{"GET /account/second-factor", asVic}, {"GET /account/email/verify", asAnn}, {"GET /admin/team", asOda}, {"GET /invitations/invited"},
	} {
		method, target, _ := strings.Cut(one[0], " ")
		res, whole := w.send(method, target, "", append(one[1:], page, "Cookie: lang=ar-XB")...)
		if res.StatusCode != http.StatusOK || !strings.Contains(whole, `dir="rtl"`) {
			t.Errorf("%s: %d %s", target, res.StatusCode, whole)
			continue
		}
		_, body, _ := strings.Cut(whole, `<main`)
		for line := range strings.Lines(markup.ReplaceAllString(somebodys.ReplaceAllString("<main"+body, "<"), "\n")) {
			if word := words.FindString(typed.ReplaceAllString(line, "")); word != "" {
				t.Errorf("%s: %q in %q", target, word, strings.TrimSpace(line))
			}
		}
	}
}
