package users

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// Domains that no mail reaches (RFC 2606). The first is of accounts without a verified address, the second of erased ones.
const (
	unverifiedDomain = "@unverified.invalid"
	erasedDomain     = "@erased.invalid"
)

// placeholder is an address that nobody has and nobody can guess.
func placeholder() string {
	random := make([]byte, 16)
	_, _ = rand.Read(random) // it never fails
	return hex.EncodeToString(random) + unverifiedDomain
}

// reachable is false for what stands in the place of an address and is none.
func reachable(emailKey string) bool {
	return !strings.HasSuffix(emailKey, unverifiedDomain) && !strings.HasSuffix(emailKey, erasedDomain)
}

// NormalAddress is NormalName for an e-mail address that somebody says is theirs. It fails with a *NameError.
func NormalAddress(raw string) (string, error) {
	key, err := NormalName(raw)
	if err != nil {
		return "", err
	}
	if at := strings.LastIndexByte(key, '@'); at < 1 || at == len(key)-1 || strings.Contains(key, " ") || !reachable(key) {
		return "", &NameError{"this is not an e-mail address"}
	}
	return key, nil
}
