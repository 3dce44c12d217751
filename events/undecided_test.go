package events

import (
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestTheOldestClaimsAreKeptInOrder(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var list []Undecided
	for _, age := range []int{3, 9, 1, 7, 7, 5, 2, 8} {
		list = Oldest(list, &Undecided{ClaimID: uuid.New(), Since: now.Add(-time.Duration(age) * time.Second)}, 4)
	}
	if len(list) != 4 {
		t.Fatalf("%d are kept", len(list))
	}
	for i, want := range []int{9, 8, 7, 7} {
		if age := now.Sub(list[i].Since); age != time.Duration(want)*time.Second {
			t.Errorf("number %d is %v old, want %d s", i, age, want)
		}
	}
}
