package directory

import (
	"math/rand/v2"
	"testing"
)

// What was inserted is found until it is removed, also when it shares its tag with others and the end of the array is
// reached, and the table is never full.
func TestATableFindsWhatItHolds(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	for _, tags := range []int{1, 3, 50, 1 << 32} {
		var held table
		want := map[ref]uint32{}
		for n := range 20_000 {
			tag := uint32(random.IntN(tags)) - 2 // some at the end
			p := ref(n + 1)
			held = held.fitted()
			held.insert(tag, p)
			want[p] = tag
			for old, tag := range want { // any
				if len(want) <= 60 && n%3 != 0 {
					break
				}
				held.remove(held.seek(tag, func(p ref) bool { return p == old }))
				delete(want, old)
				if random.IntN(2) == 0 {
					break
				}
			}
			if n%100 == 0 {
				sameTable(t, &held, want)
			}
		}
	}
}

func sameTable(t *testing.T, held *table, want map[ref]uint32) {
	t.Helper()
	if held.count != len(want) || held.count >= len(held.slots) {
		t.Fatalf("%d of %d slots are used, want %d", held.count, len(held.slots), len(want))
	}
	for p, tag := range want {
		if at := held.seek(tag, func(other ref) bool { return other == p }); at < 0 || held.ref(at) != p {
			t.Fatalf("%d with tag %d is not found", p, tag)
		}
	}
	if at := held.seek(7, func(ref) bool { return false }); at >= 0 {
		t.Fatal("somebody is found who was not meant")
	}
}

func TestATableFitsWhatItHolds(t *testing.T) {
	t.Parallel()
	var held table
	for n := range 10_000 {
		held = held.fitted()
		held.insert(rand.Uint32(), ref(n+1))
		if n > 100 && len(held.slots)*5 > held.count*8+16 || (held.count-1)*5 > len(held.slots)*4 {
			t.Fatalf("%d slots for %d", len(held.slots), held.count)
		}
	}
	before := held
	for held.count > 10 {
		at := 0
		for held.slots[at] == 0 {
			at++
		}
		held.remove(at)
		held = held.fitted()
	}
	if len(held.slots) > 8*20 {
		t.Errorf("%d slots for %d", len(held.slots), held.count)
	}
	if len(before.slots) < 10_000 {
		t.Error("a table that others may read was changed")
	}
}
