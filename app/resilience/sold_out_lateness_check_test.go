//go:build unix

package resilience

import (
	"testing"
	"time"
)

// Only a request counts that began while units were left and was answered with "sold out".
func TestLatenessOfSoldOut(t *testing.T) {
	t.Parallel()
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	see := &stockObserver{spans: []span{{from: at(1000), to: at(5000)}, {from: at(6000), to: at(9000)}}}
	for _, c := range []struct {
		name    string
		pressed []int
		want    int
	}{
		{"nobody was told", nil, 0},
		{"before there was room", []int{500}, 0},
		{"soon after", []int{1100}, 100},
		{"long after", []int{1100, 4500, 1200}, 3500},
		{"sold out before the answer", []int{4800}, 0},
		{"sold out between", []int{5500}, 0},
		{"after the second time", []int{6500, 5500}, 500},
		{"nobody knows", []int{9500}, 0},
	} {
		var pressed []answerSpan
		for _, ms := range c.pressed {
			pressed = append(pressed, answerSpan{at(ms), at(ms + 300)})
		}
		if got := see.lateness(pressed); got != time.Duration(c.want)*time.Millisecond {
			t.Errorf("%s: %v, want %d ms", c.name, got, c.want)
		}
	}
}
