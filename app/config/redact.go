package config

import (
	"regexp"
	"strings"
)

var addressPattern = regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*://[^\s"\x60]*`)

// HideSecrets takes passwords out of a text that is about to be shown, wherever it holds an address.
func HideSecrets(text string) string { return addressPattern.ReplaceAllStringFunc(text, hidePassword) }

// hidePassword keeps of an address only what cannot be a password: the scheme, what follows the last @, and a port.
func hidePassword(address string) string {
	scheme, rest, found := strings.Cut(address, "://")
	if !found {
		scheme, rest = "", address
	} else {
		scheme += "://"
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = "***@" + rest[at+1:]
	} else if host, port, ok := strings.Cut(rest, ":"); ok && strings.Trim(port, "0123456789") != "" && !strings.Contains(host, "[") {
		digits := len(port) - len(strings.TrimLeft(port, "0123456789"))
		if digits == 0 || !strings.ContainsRune("/,?", rune(port[digits])) {
			rest = host + ":***"
		}
	}
	if plain, _, asked := strings.Cut(rest, "?"); asked {
		rest = plain + "?***"
	}
	return scheme + rest
}

// hideCredentials shows the mechanism alone.
func hideCredentials(v string) string {
	mechanism, _, _ := strings.Cut(v, ":")
	return mechanism + ":***"
}
