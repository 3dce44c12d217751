package codes

import (
	"strings"
	"testing"

	"flashsale/views/text"
)

// A mail is in the language of the page on which somebody asked for it, and carries the same code and link.
func TestAMailIsInTheLanguageOfTheRequest(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	if _, err := c.Begin(text.With(c.ctx, text.Choose("de")), c.ann.Email, Asker{}); err != nil {
		t.Fatal(err)
	}
	m := c.mail.last(t, 1)
	if m.code() == "" || m.link() == "" || m.Subject != m.code()+" ist Ihr Code für shop.example" || !strings.Contains(m.Text, "Beide gelten einmal, 10 Minuten lang.") {
		t.Errorf("the mail is %q: %s", m.Subject, m.Text)
	}
	c.TellPassword(text.With(c.ctx, text.Choose("de")), c.ann.ID)
	if m := c.mail.last(t, 2); m.Subject != "Ihr Passwort bei shop.example hat sich geändert" {
		t.Errorf("the notice is %q", m.Subject)
	}
	c.TellPassword(c.ctx, c.ann.ID)
	if m := c.mail.last(t, 3); m.Subject != "Your password at shop.example has changed" || !strings.HasSuffix(m.Text, "set another password at once.\nhttps://shop.example/account\n") {
		t.Errorf("the notice is %q: %q", m.Subject, m.Text)
	}
}
