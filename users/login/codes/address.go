package codes

import (
	"net/mail"
	"strings"

	"golang.org/x/net/idna"

	"flashsale/users"
)

// longestLocal is how long the part before the @ may be (RFC 5321).
const longestLocal = 64

// plainAddress is an address that a mail may be sent to, in the form in which it is sent: the part before the @ as it was typed,
// the domain in ASCII. It takes one address alone: no name beside it, no list, no quotes, no comment, no address of a machine.
// The part before the @ is ASCII, because letters that only look alike there are other mailboxes.
func plainAddress(raw string) (string, error) {
	refused := &users.NameError{Reason: "it must be one plain e-mail address, like name@example.com"}
	raw = strings.TrimSpace(raw)
	// The rules of domains leave out what is invisible; here it is refused.
	if _, err := users.NormalName(raw); err != nil {
		return "", err
	}
	at := strings.LastIndexByte(raw, '@')
	if at < 1 || at > longestLocal || !plainLocal(raw[:at]) {
		return "", refused
	}
	domain, err := idna.Lookup.ToASCII(raw[at+1:])
	domain = strings.ToLower(domain)
	if err != nil || !strings.Contains(strings.Trim(domain, "."), ".") || strings.HasSuffix(domain, ".invalid") {
		return "", refused
	}
	address := raw[:at] + "@" + domain
	read, err := mail.ParseAddress(address)
	if err != nil || read.Name != "" || read.Address != address {
		return "", refused
	}
	return address, nil
}

// plainLocal takes atoms with single dots between them (RFC 5322).
func plainLocal(local string) bool {
	const others = "!#$%&'*+-/=?^_`{|}~."
	for _, r := range local {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		if !letter && !strings.ContainsRune(others, r) {
			return false
		}
	}
	return local[0] != '.' && local[len(local)-1] != '.' && !strings.Contains(local, "..")
}
