package text

import "testing"

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
