package users

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// erasedName begins the username of an erased account.
const erasedName = "erased-"

// NewUsername is a name that somebody new may take: as it is shown, and as it is compared (NormalName). It fails with a
// *NameError. The names of accounts that exist are not asked: some of them would be refused today.
//
// A username is a segment of a path (/api/admin/team/:username), so these are refused:
//
//   - "." and "..": browsers remove them from a path, escaped as %2E too;
//   - slash and backslash: browsers and proxies take one for the other, and proxies split a path at an escaped slash;
//   - "%": a proxy that decodes a path twice makes another name of it;
//   - "?" and "#": they end the path when somebody types or pastes the name into it.
//
// "@" tells an address from a username. What Unicode calls compatible with one of these, such as the wide "＠", looks like it
// and is refused too.
//
// A letter in a form that Unicode calls compatible with another one, such as a wide, circled or mathematical "a", is refused: the name
// would look like that of somebody else. So what is compared of a new name is in NFKC. Accounts that have such a name keep it.
//
// No names are reserved: shoppers never see each other's names, and beside an operator's name stands a role.
func NewUsername(raw string) (shown, key string, err error) {
	if key, err = NormalName(raw); err != nil {
		return "", "", err
	}
	plain := norm.NFKC.String(key)
	switch {
	case strings.Contains(plain, "@"):
		return "", "", &NameError{"a username must not contain @: that is for e-mail addresses"}
	case strings.ContainsAny(plain, `/\%?#`):
		return "", "", &NameError{`a username must not contain / \ % ? or #, because it is a part of web addresses`}
	case plain == "." || plain == "..":
		return "", "", &NameError{"a username must not be . or .., because it is a part of web addresses"}
	case strings.HasPrefix(key, erasedName):
		return "", "", &NameError{"a username must not begin with " + erasedName}
	case !ordinary(key):
		return "", "", &NameError{"a username must be written with ordinary letters and digits, not with wide, circled, raised or other forms of them"}
	}
	return displayed(raw), key, nil
}

// ordinary is true for a name in NFKC. The vowel am of Thai and Lao is taken as it is typed, although NFKC writes it as two characters;
// those two, which look the same, are not.
func ordinary(key string) bool {
	if strings.Contains(key, "\u0e4d\u0e32") || strings.Contains(key, "\u0ecd\u0eb2") {
		return false
	}
	return norm.NFKC.IsNormalString(strings.NewReplacer("\u0e33", "\u0e32", "\u0eb3", "\u0eb2").Replace(key))
}

// displayed is a name as it is shown: with its capitals, but without the white space that NormalName does without.
func displayed(raw string) string { return norm.NFC.String(spaced(raw)) }
