package login

import (
	"strings"
	"unicode/utf8"

	"flashsale/views/text"

	"github.com/trustelem/zxcvbn"
	"golang.org/x/text/secure/precis"
)

const (
	minPassword = 8
	maxPassword = 256
	// judged is how many characters of a password the estimate of its strength looks at. More of them cannot make it weaker, and the
	// time of the estimate grows faster than the square of their number: some texts of 100 take seconds.
	judged = 32
	// enough is the least score of zxcvbn, of 0 to 4: more than a hundred million guesses. As guesses here cost a place in
	// the queue and are limited, it is the guesses at a stolen hash that count.
	enough = 3
)

// WeakError says why a password is not taken, in a sentence for the one who chose it. It never repeats the password.
type WeakError struct {
	// Field is the form's field: "password".
	Field  string
	Reason string
}

func (e *WeakError) Error() string { return e.Reason }

func weakPassword(reason string) error { return &WeakError{Field: "password", Reason: reason} }

// preparePassword gives the one form of a password that is hashed and compared: that of RFC 8265 (OpaqueString), so that the same
// characters typed at another keyboard are the same password: in NFC, every space an ordinary one, nothing that no keyboard
// types. Capitals stay capitals.
func preparePassword(raw string) (string, error) {
	if len(raw) > utf8.UTFMax*maxPassword || utf8.RuneCountInString(raw) > maxPassword {
		return "", weakPassword(text.Key("A password has at most 256 characters."))
	}
	if raw == "" {
		return "", weakPassword(text.Key("Please choose a password."))
	}
	prepared, err := precis.OpaqueString.String(raw)
	if err != nil || !utf8.ValidString(raw) {
		return "", weakPassword(text.Key("The password has characters that cannot be typed everywhere, such as control characters."))
	}
	return prepared, nil
}

// prepareNewPassword is preparePassword for a password that somebody chooses now.
func prepareNewPassword(raw string) (string, error) {
	prepared, err := preparePassword(raw)
	if err != nil {
		return "", err
	}
	switch n := utf8.RuneCountInString(prepared); {
	case n < minPassword:
		return "", weakPassword(text.Key("A password has at least 8 characters."))
	case n > maxPassword:
		return "", weakPassword(text.Key("A password has at most 256 characters."))
	}
	return prepared, nil
}

// judge refuses a password that is easy to guess for somebody who knows these words about its owner. It takes milliseconds of a
// processor, so it is work for the queue.
func judge(prepared string, about ...string) error {
	if holds(prepared, about) {
		return weakPassword(text.Key("The password is made of your name or your e-mail address. Please choose another one."))
	}
	if zxcvbn.PasswordStrength(firstOf(prepared, judged), nameParts(about)).Score < enough {
		return weakPassword(text.Key("This password is easy to guess. Several words that have nothing to do with each other make a good one."))
	}
	return nil
}

// holds is true when a name is nearly all of the password, in capitals or not.
func holds(prepared string, about []string) bool {
	folded := strings.ToLower(prepared)
	for _, word := range nameParts(about) {
		if n := utf8.RuneCountInString(word); n >= 3 && strings.Contains(folded, word) && utf8.RuneCountInString(folded)-n < 4 {
			return true
		}
	}
	return false
}

// nameParts are the names whole, and their parts.
func nameParts(about []string) (list []string) {
	for _, name := range about {
		if name = strings.ToLower(name); name == "" {
			continue
		}
		list = append(list, name)
		list = append(list, strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune(" @._-+", r) })...)
	}
	return list
}

// firstOf is at most n characters of a text.
func firstOf(text string, n int) string {
	for at := range text {
		if n == 0 {
			return text[:at]
		}
		n--
	}
	return text
}
