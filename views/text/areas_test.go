package text

import (
	"fmt"
	"strings"
	"testing"
)

// Two areas that translate the same text would differ one day.
func TestATextIsTranslatedInOnePlace(t *testing.T) {
	for l := range pseudo {
		seen := map[string]bool{}
		for _, area := range areas(l) {
			for key := range area {
				if seen[key] {
					t.Errorf("%q is translated twice", key)
				}
				seen[key] = true
			}
		}
	}
}

// German calls a shopper by one word.
func TestGermanHasOneWordForShoppers(t *testing.T) {
	for _, area := range areas(german) {
		for key, said := range area {
			if text := strings.ToLower(fmt.Sprint(said)); strings.Contains(text, "käufer") {
				t.Errorf("%q is said with another word than Kunde: %s", key, text)
			}
		}
	}
}
