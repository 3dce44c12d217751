package reminder

import (
	"errors"
	"net/url"
	"strings"
	"unicode"

	"flashsale/views/text"
)

// ErrFull is what a mailer returns when it has no room. The reminder waits then.
var ErrFull = errors.New("reminder: too many mails wait")

func isFull(err error) bool { return errors.Is(err, ErrFull) }

// letter writes the mail of a sale.
type letter struct {
	sale Sale
	shop string
}

// mail is written in the language of that code.
func (l letter) mail(to, language string) Mail {
	in := text.Choose(language)
	name, at := oneLine(l.sale.Name), in.Moment(l.sale.Starts)
	return Mail{
		To: to, Until: l.sale.Starts,
		Subject: in.Say("Soon: %s", name),
		Text: in.Say("%s goes on sale at", name) + "\n\n    " + at + "\n\n" +
			in.Say("Its page:") + "\n\n" + l.page() + "\n\n" +
			in.Say("Sign in ahead of the start: then one press is enough.") + "\n\n" +
			in.Say("You asked for this mail on that page. It comes once, so there is nothing to stop: no other one follows unless you ask again.") + "\n",
	}
}

func (l letter) page() string {
	return strings.TrimSuffix(l.shop, "/") + "/sales/" + url.PathEscape(l.sale.Slug)
}

// oneLine is a name without what would begin another line of the mail's head.
func oneLine(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(name, "\uFFFD"))
}
