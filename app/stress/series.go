package stress

import "strconv"

// The accounts that POST /api/users/seed creates have ten names in turn, each with a number. Of every ten, seven may
// purchase: the shoppers of stress and bench are these.
const seriesTurn = 10

// ableBases are the names of those who may purchase, with their places in a turn, from 1.
func ableBases() [7]struct {
	name  string
	place int
} {
	return [...]struct {
		name  string
		place int
	}{
		{"john_doe", 1}, {"jane_smith", 2}, {"alice_brown", 4}, {"diana_miller", 6}, {"edward_garcia", 7}, {"george_martinez", 9}, {"helen_anderson", 10},
	}
}

// AppendShopper appends the name of the n-th account, from 1, of those of the series that may purchase.
func AppendShopper(b []byte, n int) []byte {
	names := ableBases()
	b = append(append(b, names[(n-1)%len(names)].name...), '_')
	return strconv.AppendInt(b, int64((n-1)/len(names)+1), 10)
}

// SeriesLength is how many accounts of the series it takes until n of them may purchase.
func SeriesLength(n int) int {
	names := ableBases()
	return (n-1)/len(names)*seriesTurn + names[(n-1)%len(names)].place
}
