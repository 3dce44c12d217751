package request

import (
	"regexp"
	"strings"
	"testing"

	"flashsale/views/text"
)

// What people read of a problem follows the rules of the house in every language: what happened and what to do now, a sentence each, nothing
// twice, and nothing that only the people who built it understand.
func TestWordsForPeopleArePlain(t *testing.T) {
	t.Parallel()
	jargon := regexp.MustCompile(`(?i)\b[1-5]\d\d\b|invalid|ungültig|safe to retry|server|database|datenbank|\brequest|anfrage|retry|header|\bJSON\b|\bHTTP\b|\bAPI\b|process|please|bitte\b|claim id|error`)
	sentences := regexp.MustCompile(`[.!?]( |$)`)
	for _, k := range Kinds() {
		for _, l := range text.Languages() {
			said := k.Problem("").For(l)
			switch {
			case said.Happened == "" || strings.ContainsAny(said.Happened[len(said.Happened)-1:], ".!?") || sentences.MatchString(said.Happened):
				t.Errorf("%s, %s: what happened is no heading of one sentence: %q", k.Name, l.Code(), said.Happened)
			case !strings.HasSuffix(said.Now, ".") || len(sentences.FindAllString(said.Now, -1)) != 1:
				t.Errorf("%s, %s: what to do now is not one sentence: %q", k.Name, l.Code(), said.Now)
			case strings.HasPrefix(said.Now, said.Happened):
				t.Errorf("%s, %s: said twice: %q", k.Name, l.Code(), said.Now)
			}
			if found := jargon.FindString(said.Happened + " " + said.Now); found != "" {
				t.Errorf("%s, %s: %q in %q", k.Name, l.Code(), found, said)
			}
			if l != (text.Language{}) && (said.Happened == k.Page.Happened || said.Now == k.Page.Now) {
				t.Errorf("%s is not translated into %s: %q", k.Name, l.Code(), said)
			}
		}
	}
}

// A mistake in a field of a form is said of the field, by the name that the form gives it.
func TestAProblemOfAFieldIsSaidOfTheField(t *testing.T) {
	t.Parallel()
	german := text.Choose("de")
	for _, c := range []struct {
		err               error
		field, said, also string
	}{
		{notWhole("stockAmount", 0, 100_000_000), "stockAmount", "The number of units must be a whole number from 0 to 100,000,000", "Die Anzahl der Stücke muss eine ganze Zahl von 0 bis 100.000.000 sein"},
		{badFieldf("userIdentifier", "is not acceptable: %s", reason("a name must not be empty")), "username", "The name is not acceptable: a name must not be empty", "Der Name geht so nicht: ein Name darf nicht leer sein"},
		{ErrUnknownShopper, "username", "There is no such account", "Dieses Konto gibt es nicht"},
		{BadField("body", "must be one JSON object"), "", ErrInvalid.Page.Happened, "Im Formular fehlt etwas, oder etwas stimmt nicht"},
		{ErrSoldOut, "", "Everything is sold out", "Alles ist ausverkauft"},
	} {
		p := ProblemOf(c.err)
		if en, de := p.For(text.Language{}).Happened, p.For(german).Happened; p.Field() != c.field || en != c.said || de != c.also {
			t.Errorf("%v: %q, %q, %q", c.err, p.Field(), en, de)
		}
	}
}
