package sale

import (
	"slices"
	"strings"
	"testing"
)

func TestTextsOfStates(t *testing.T) {
	t.Parallel()
	none := (*Texts)(nil)
	texts := Texts{Paused: "Back soon"}.With(map[Status]string{Upcoming: "Sign in now", Stopped: "", SoldOut: "Gone", "other": "x"})
	want := map[Status]string{Upcoming: "Sign in now", SoldOut: "Gone"}
	for _, status := range append(Statuses(), "other") {
		if got := texts.Of(status); got != want[status] || none.Of(status) != "" {
			t.Errorf("%s: %q", status, got)
		}
	}
}

func TestListsOfAProduct(t *testing.T) {
	t.Parallel()
	lines, err := ReadLines(" one \r\n\n\ntwo\n")
	if err != nil || !slices.Equal(lines, []string{"one", "two"}) {
		t.Errorf("%q, %v", lines, err)
	}
	facts, err := ReadFacts("Weight: 248 g\nRatio: 1:2")
	if err != nil || !slices.Equal(facts, []Fact{{"Weight", "248 g"}, {"Ratio", "1:2"}}) || WriteFacts(facts) != "Weight: 248 g\nRatio: 1:2" {
		t.Errorf("%v, %v", facts, err)
	}
	for name, wrong := range map[string]string{
		"too long": strings.Repeat("x", MaxLine+1), "too many": strings.Repeat("x\n", MaxLines+1), "hidden": "a\x00b", "no text": "\xff",
	} {
		if _, err := ReadLines(wrong); err == nil {
			t.Errorf("lines: %s is taken", name)
		}
	}
	for _, wrong := range []string{"Weight", "Weight:", ": 248 g", strings.Repeat("x", MaxFactName+1) + ": y", "x: " + strings.Repeat("y", MaxFactValue+1)} {
		if _, err := ReadFacts(wrong); err == nil {
			t.Errorf("%q is taken for a fact", wrong)
		}
	}
}
