package request

import (
	"testing"
	"time"
)

func TestSamplerKeepsOneLineASecondAndCounts(t *testing.T) {
	t.Parallel()
	s, noon := &sampler{}, time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	if n, ok := s.line(noon); !ok || n != 0 {
		t.Fatalf("the first line: %d %v", n, ok)
	}
	for i := range 5 {
		if _, ok := s.line(noon.Add(time.Duration(i) * 100 * time.Millisecond)); ok {
			t.Fatal("a second line in one second")
		}
	}
	if n, ok := s.line(noon.Add(time.Second)); !ok || n != 5 {
		t.Errorf("the next second: %d left out, %v", n, ok)
	}
}
