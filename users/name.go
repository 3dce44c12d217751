package users

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Limits of a name in its normal form, in characters (code points).
const (
	maxUsername = 100
	maxEmail    = 254
)

// maxRaw bounds the work for an input, in bytes. It leaves room for the widest characters and some white space around
// them.
const maxRaw = 4 * (maxEmail + 2)

// ErrName is the error that every error of NormalName wraps.
var ErrName = errors.New("name not acceptable")

// NameError says why a name was refused, in a sentence that may be shown to the client: it never repeats the client's
// text. It is an ErrName.
type NameError struct{ Reason string }

func (e *NameError) Error() string { return e.Reason }

// Unwrap makes errors.Is(err, ErrName) true.
func (e *NameError) Unwrap() error { return ErrName }

// NormalName gives the one form in which usernames and e-mail addresses are compared: without white space around it and
// one space for any within, case folded, in NFC. An entry with an "@" is an address. It fails with a *NameError for
// what is empty, too long (more than 100 characters, for an address 254), not UTF-8, or holds a character that nobody
// can see.
//
// Those are the control characters, line and paragraph separators, and everything invisible: direction marks,
// embeddings and overrides, zero-width characters, fillers, soft hyphens, tags, and what Unicode has not assigned. With
// them, two names that look the same are two accounts, and an override reverses the text around it in a list or a log.
// Joiners and variation selectors are taken only between characters that change by them: Persian, the scripts of India
// and emoji need them. Elsewhere they show nothing, and only an imitation of a name has them.
//
// NormalName(NormalName(x)) = NormalName(x). A name that is plain lower-case ASCII costs no allocation.
func NormalName(raw string) (string, error) {
	if plain(raw) {
		return raw, nil
	}
	if len(raw) > maxRaw {
		return "", &NameError{"a name has at most 100 characters, an e-mail address at most 254"}
	}
	if !utf8.ValidString(raw) {
		return "", &NameError{"a name must be valid UTF-8"}
	}
	name, ok := fold(raw)
	if !ok {
		return "", &NameError{"a name must have a stable normal form"}
	}
	if err := acceptable(name); err != nil {
		return "", err
	}
	return name, nil
}

// plain reports whether raw is already in normal form, as nearly all names are.
func plain(raw string) bool {
	if len(raw) == 0 || len(raw) > maxUsername {
		return false
	}
	for i := range len(raw) {
		c := raw[i]
		if c <= ' ' || c >= 0x7f || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// fold trims and folds until nothing changes: folding can undo NFC, and composing can bring out a character
// that folds again. No known text needs a third round.
func fold(raw string) (string, bool) {
	folder := cases.Fold()
	for range 4 {
		next := norm.NFC.String(folder.String(norm.NFD.String(spaced(raw))))
		if next == raw {
			return raw, true
		}
		raw = next
	}
	return "", false
}

// spaced trims, and makes one ordinary space of spaces of any width, because a page shows them alike.
func spaced(raw string) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.TrimSpace(raw) {
		if unicode.Is(unicode.Zs, r) {
			gap = true
			continue
		}
		if gap {
			b.WriteByte(' ')
		}
		gap = false
		b.WriteRune(r)
	}
	return b.String()
}

func acceptable(name string) error {
	if name == "" {
		return &NameError{"a name must not be empty"}
	}
	limit, tooLong := maxUsername, &NameError{"a name has at most 100 characters"}
	if strings.Contains(name, "@") {
		limit, tooLong = maxEmail, &NameError{"an e-mail address has at most 254 characters"}
	}
	if utf8.RuneCountInString(name) > limit {
		return tooLong
	}
	var before rune
	for _, r := range name {
		if hidden(r) && !joins(before, r) {
			return &NameError{"a name must not contain control characters, direction marks or other invisible or unassigned characters"}
		}
		before = r
	}
	if unicode.Is(unicode.Join_Control, before) {
		return &NameError{"a name must not end in an invisible character"}
	}
	return nil
}

// hidden is true for characters that show nothing and are not an ordinary space.
func hidden(r rune) bool {
	const brailleBlank = '\u2800' // a symbol to Unicode
	return r == brailleBlank || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Cn, unicode.Zl, unicode.Zp,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// joins is true for the invisible characters that some scripts need, after a character that they change.
func joins(before, r rune) bool {
	switch {
	case unicode.Is(unicode.Variation_Selector, r):
		return before > unicode.MaxASCII && unicode.In(before, unicode.So, unicode.Sm, unicode.Sk, unicode.Po,
			unicode.Han, unicode.Mongolian, unicode.Myanmar, unicode.Phags_Pa)
	case !unicode.Is(unicode.Join_Control, r), hidden(before) && !unicode.Is(unicode.Variation_Selector, before):
		return false
	case unicode.In(before, unicode.So, unicode.Sk, unicode.Variation_Selector):
		return before > unicode.MaxASCII
	}
	return unicode.In(before, unicode.L, unicode.M) &&
		!unicode.In(before, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Common, unicode.Inherited)
}
