package codes

import (
	"errors"
	"strings"
	"testing"

	"flashsale/users"
)

func TestAPlainAddressIsTheOneThatIsSentTo(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"ann@example.org": "ann@example.org", "Ann.O'Neil+drop@Example.ORG": "Ann.O'Neil+drop@example.org",
		"ann@bücher.example": "ann@xn--bcher-kva.example", "ann@BÜCHER.example": "ann@xn--bcher-kva.example",
		// The Kelvin sign is the letter k to the rules of domains, and the mail goes to that domain.
		"ann@\u212Aiosk.example": "ann@kiosk.example",
	} {
		if got, err := plainAddress(raw); err != nil || got != want {
			t.Errorf("%q: %q %v", raw, got, err)
		}
	}
	if got, err := plainAddress(" ann@example.org\n"); err != nil || got != "ann@example.org" {
		t.Errorf("%q %v", got, err)
	}
	for _, raw := range []string{
		"", "ann", "@example.org", "ann@", "Ann <ann@example.org>", "<ann@example.org>", "ann@example.org, bob@example.org", "ann@example.org;bob@example.org",
		"ann@example.org (comment)", "\"ann\"@example.org", "ann o@example.org", "ann@exam ple.org", "ann@[192.0.2.1]", "ann@localhost", "ann@example.org\r\nBcc: b@example.org",
		"ann@b@example.org", ".ann@example.org", "ann.@example.org", "a..b@example.org", "m\u0131ke@example.org", "\u212Aate@example.org", "ann@example.invalid", "ann@.org", "ann@org.",
		strings.Repeat("a", 65) + "@example.org", "ann@" + strings.Repeat("a.", 130) + "org", "ann@exa\u200bmple.org", "ann\x00@example.org", "ann@example.org\u202e",
	} {
		if got, err := plainAddress(raw); !errors.Is(err, users.ErrName) {
			t.Errorf("%q: %q %v", raw, got, err)
		}
	}
}
