package sale

import "testing"

func TestOutcomesHaveNames(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for k := range TooOften + 1 {
		seen[k.String()] = true
	}
	if len(seen) != int(TooOften)+1 || seen[""] || seen["unknown"] || (TooOften+1).String() != "unknown" {
		t.Errorf("names %v", seen)
	}
}
