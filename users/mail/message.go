package mail

import (
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"
	"time"
	"unicode"

	"github.com/wneessen/go-mail"
)

// ErrMessage means that a mail cannot be sent as it is: its recipient is not one plain address, or its subject has a control
// character, with which a header could be added.
var ErrMessage = errors.New("mail: not a mail that can be sent")

// Message is one mail to one recipient.
type Message struct {
	// To is one plain ASCII address, without a name.
	To      string
	Subject string
	// Text is the mail for everybody. HTML may give the same to programs that show it; "": there is none.
	Text, HTML string
	// Private mails are not kept for /dev/mail, because what they carry opens the desk.
	Private bool
	// Until is when the mail is of no use any more. Zero: after patience.
	Until time.Time
}

// patience is how long a mail without an Until is tried.
const patience = 5 * time.Minute

func (m Message) check() error {
	to, err := netmail.ParseAddress(m.To)
	if err != nil || to.Address != m.To || strings.ContainsFunc(m.To, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return fmt.Errorf("%w: the recipient is not one plain address", ErrMessage)
	}
	if strings.ContainsFunc(m.Subject, unicode.IsControl) {
		return fmt.Errorf("%w: a control character in the subject", ErrMessage)
	}
	return nil
}

// written is the mail in the form in which it is sent.
func (m Message) written(from string) (*mail.Msg, error) {
	w := mail.NewMsg()
	if err := w.From(from); err != nil {
		return nil, errors.New("mail: the sender's address is not understood")
	}
	if err := w.To(m.To); err != nil {
		return nil, ErrMessage
	}
	w.Subject(m.Subject)
	w.SetDate()
	w.SetMessageID()
	// Programs that answer mails by themselves (RFC 3834) leave this one alone.
	w.SetGenHeader("Auto-Submitted", "auto-generated")
	w.SetBodyString(mail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		w.AddAlternativeString(mail.TypeTextHTML, m.HTML)
	}
	return w, nil
}
