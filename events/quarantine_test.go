package events

import (
	"strings"
	"testing"
	"time"
)

func TestTheLimitOfQuarantineSlides(t *testing.T) {
	t.Parallel()
	now := time.Now()
	p := NewQuarantineLimit(2, time.Minute)
	for i, step := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {30 * time.Second, true}, {59 * time.Second, false}, {60 * time.Second, true}, {61 * time.Second, false}, {90 * time.Second, true}} {
		if got := p.Allow(now.Add(step.after)); got != step.want {
			t.Errorf("step %d: allowed is %v", i, got)
		}
	}
}

func TestAnErrorTextFitsATextColumn(t *testing.T) {
	t.Parallel()
	if got := printable("a\x00b\xffc"); got != "a?b?c" {
		t.Errorf("got %q", got)
	}
	if long := strings.Repeat("x", 1000); printable(long) != long {
		t.Error("a clean text was changed")
	}
}
