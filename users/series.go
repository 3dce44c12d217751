package users

import "strconv"

// MaxSeries is the most accounts of the series that can be asked for at once.
const MaxSeries = 10_000_000

// base is a name that the series repeats.
type base struct {
	name string
	// barred: the accounts of this name may not purchase, so that a refusal can be seen.
	barred bool
}

// bases are in the order of the series.
func bases() [10]base {
	return [...]base{
		{"john_doe", false}, {"jane_smith", false}, {"bob_wilson", true}, {"alice_brown", false}, {"charlie_davis", true},
		{"diana_miller", false}, {"edward_garcia", false}, {"fiona_rodriguez", true}, {"george_martinez", false}, {"helen_anderson", false},
	}
}

// SeriesName is the n-th username of the series, counted from 1: john_doe_1, jane_smith_1, ..., john_doe_2, ...
func SeriesName(n int) string {
	names := bases()
	return numbered(names[(n-1)%len(names)], (n-1)/len(names)+1)
}

func numbered(b base, n int) string { return b.name + "_" + strconv.Itoa(n) }

// AbleName is the n-th username, counted from 1, of those accounts of the series that may purchase.
func AbleName(n int) string { return SeriesName(AbleLength(n)) }

// AbleLength is how many accounts of the series it takes until n of them may purchase.
func AbleLength(n int) int {
	if n <= 0 {
		return 0
	}
	names := bases()
	var able []int // the places of those who may purchase, from 1, among the names
	for i, b := range names {
		if !b.barred {
			able = append(able, i+1)
		}
	}
	return (n-1)/len(able)*len(names) + able[(n-1)%len(able)]
}

// entry is an account that is to exist.
type entry struct {
	username    string
	mayPurchase bool
}

// series is the accounts between from (exclusive) and to (inclusive) in the series.
func series(from, to int) []entry {
	names := bases()
	list := make([]entry, 0, to-from)
	for n := from; n < to; n++ {
		b := names[n%len(names)]
		list = append(list, entry{username: numbered(b, n/len(names)+1), mayPurchase: !b.barred})
	}
	return list
}

// unnumbered is the accounts of the ten names without a number, which come before the series.
func unnumbered() []entry {
	var list []entry
	for _, b := range bases() {
		list = append(list, entry{username: b.name, mayPurchase: !b.barred})
	}
	return list
}
