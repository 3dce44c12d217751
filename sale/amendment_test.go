package sale

import (
	"strings"
	"testing"
)

func TestAMessageIsOneLineOfPlainText(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"": "", "  Back at noon. ": "Back at noon.", "<b>a & b</b>": "<b>a & b</b>", strings.Repeat("ß", MaxMessage): strings.Repeat("ß", MaxMessage),
	} {
		if got, err := ReadMessage(written); got != want || err != nil {
			t.Errorf("%.20q is %q, %v", written, got, err)
		}
	}
	for _, written := range []string{strings.Repeat("a", MaxMessage+1), "two\nlines", "a\x00b", "\xff"} {
		if got, err := ReadMessage(written); err == nil || got != "" {
			t.Errorf("%.20q is %q", written, got)
		}
	}
}
