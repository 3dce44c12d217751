package operator

import (
	"cmp"
	"context"
	"slices"
	"time"

	"flashsale/inventory"
)

const (
	// settlePatience is how long verify waits for the holders to follow the ledger: twice what reconciling needs.
	settlePatience = 10 * time.Second
	// comparePause is the time between two comparisons.
	comparePause = 200 * time.Millisecond
)

// difference is one thing in which Redis and the ledger are not the same.
type difference struct {
	key  inventory.Key
	kind differenceKind
	// user is who has no place, or no order. For numbers: what is and what should be.
	user, is, should int64
}

type differenceKind int

const (
	ownerWithoutPlace differenceKind = iota
	placeWithoutOrder
	otherLimit
	// otherCount: fields that are no shopper's take places.
	otherCount
)

// differences are those of one comparison, or those that every comparison so far has found.
type differences map[difference]bool

// holdersCheck compares Redis with the ledger again and again, because the two cannot be read at one moment. A difference that
// every comparison finds, for as long as reconciling may take, means that the invariant is broken. When each comparison finds
// one, but never the same, the state is unknown.
func (o *Acts) holdersCheck(ctx context.Context) Check {
	c := Check{ID: "I4", Title: "holders in Redis = owners in the ledger, limit = total", State: Unknown}
	if o.alone && !o.serving {
		return c.because(Unknown, stated("no instance is running; it rebuilds the holders when it starts"))
	}
	began := time.Now()
	var first time.Time // since when every comparison had an answer
	var stayed differences
	for {
		found, err := o.holderDifferences(ctx)
		switch {
		case err != nil:
			stayed = nil
		case len(found) == 0:
			c.State = OK
			return c
		case stayed == nil:
			stayed, first = found, time.Now()
		default:
			stayed = found.alsoIn(stayed)
		}
		if time.Since(began) > o.patience || ctx.Err() != nil {
			if time.Since(first) < o.patience/2 {
				stayed = nil // too short a time for reconciling
			}
			return o.unsettled(ctx, c, stayed, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(comparePause):
		}
	}
}

// unsettled says what it means that no comparison found places and orders to be the same.
func (o *Acts) unsettled(ctx context.Context, c Check, stayed differences, err error) Check {
	switch {
	case ctx.Err() != nil:
		return c.because(Unknown, stated("there was no time to see whether a difference stays: %s", ctx.Err().Error()))
	case err != nil:
		return c.because(Unknown, stated("Redis or the ledger does not answer: %s", err.Error()))
	case len(stayed) == 0:
		return c.because(Unknown, stated("places and orders change too fast to be compared; no difference stayed"))
	case o.logUnread(ctx):
		return c.because(Unknown, stated("claims in the log are still to be decided, their places have no order yet: %s", stayed.sentences()))
	}
	return c.because(Broken, stayed.sentences()...)
}

// alsoIn keeps those that were in earlier ones too.
func (d differences) alsoIn(earlier differences) differences {
	both := make(differences)
	for one := range d {
		if earlier[one] {
			both[one] = true
		}
	}
	return both
}

// sentences count them for each generation.
func (d differences) sentences() (lines Sentences) {
	type tally struct{ owners, places, limits, counts int }
	byKey := make(map[inventory.Key]tally)
	for one := range d {
		t := byKey[one.key]
		switch one.kind {
		case ownerWithoutPlace:
			t.owners++
		case placeWithoutOrder:
			t.places++
		case otherLimit:
			t.limits++
		case otherCount:
			t.counts++
		}
		byKey[one.key] = t
	}
	for k, t := range byKey {
		lines = append(lines, stated("sale %d generation %d: %d owners without a place, %d places without an order", k.Sale, k.Generation, t.owners, t.places))
		if t.limits > 0 {
			lines = append(lines, stated("sale %d generation %d: the limit is not the total", k.Sale, k.Generation))
		}
		if t.counts > 0 {
			lines = append(lines, stated("sale %d generation %d: places that are no shopper's", k.Sale, k.Generation))
		}
	}
	slices.SortFunc(lines, func(a, b Sentence) int { return cmp.Compare(a.String(), b.String()) })
	return lines
}

// logUnread is true while the ledger has not read the log to its end, for example in the seconds after the process that
// read it was killed. Places without an order may then belong to claims that are not decided yet.
func (o *Acts) logUnread(ctx context.Context) bool {
	lags, err := o.ledger.Lag(ctx)
	if err != nil {
		return true
	}
	for _, lag := range lags {
		if lag.Records > 0 {
			return true
		}
	}
	return false
}

// holderDifferences is one comparison of every sale's present generation.
func (o *Acts) holderDifferences(ctx context.Context) (differences, error) {
	ledger := o.owners
	keys, err := ledger.Current(ctx)
	if err != nil {
		return nil, err
	}
	found := make(differences)
	for _, k := range keys {
		owners, total, _, err := ledger.Owners(ctx, k)
		if err != nil {
			return nil, err
		}
		redis, err := o.places.Count(ctx, k)
		if err != nil {
			return nil, err
		}
		missing, extra, err := o.places.Compare(ctx, k, owners)
		if err != nil {
			return nil, err
		}
		for _, user := range missing {
			found[difference{key: k, kind: ownerWithoutPlace, user: user}] = true
		}
		for _, user := range extra {
			found[difference{key: k, kind: placeWithoutOrder, user: user}] = true
		}
		if redis.Limit != total {
			found[difference{key: k, kind: otherLimit, is: redis.Limit, should: total}] = true
		}
		if n := int64(len(owners)); len(missing)+len(extra) == 0 && redis.Count != n {
			found[difference{key: k, kind: otherCount, is: redis.Count, should: n}] = true
		}
	}
	return found, nil
}
