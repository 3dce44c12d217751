package users

import "strconv"

// MaxSeries is the most accounts of the series that can be asked for at once.
const MaxSeries = 10_000_000

// bases are the names that the series repeats, in its order.
func bases() [10]string {
	return [...]string{
		"john_doe", "jane_smith", "bob_wilson", "alice_johnson", "charlie_davis",
		"diana_prince", "eve_adams", "fiona_rodriguez", "george_miller", "hannah_clark",
	}
}

// SeriesName is the n-th username of the series, counted from 1: john_doe_1, jane_smith_1, ..., john_doe_2, ...
func SeriesName(n int) string {
	names := bases()
	return names[(n-1)%len(names)] + "_" + strconv.Itoa((n-1)/len(names)+1)
}

// entry is an account that is to exist.
type entry struct {
	username    string
	mayPurchase bool
}

// series is the accounts between from (exclusive) and to (inclusive) in the series.
func series(from, to int) []entry {
	list := make([]entry, 0, to-from)
	for n := from + 1; n <= to; n++ {
		list = append(list, entry{username: SeriesName(n), mayPurchase: true})
	}
	return list
}

// defaults are the accounts of a first start: the ten names without a number, three of which may not purchase so
// that a refusal can be seen, and the first ten of the series.
func defaults() []entry {
	barred := map[string]bool{"bob_wilson": true, "charlie_davis": true, "fiona_rodriguez": true}
	var list []entry
	for _, name := range bases() {
		list = append(list, entry{username: name, mayPurchase: !barred[name]})
	}
	return append(list, series(0, 10)...)
}
