package sale

import (
	"context"
	"time"

	"flashsale/events"
)

// Place is what Redis says about a shopper and the holders of a sale.
type Place byte

// Reserved: this call made the shopper a holder. AlreadyHolder: the shopper was one. Full: there is no room.
const (
	Reserved Place = iota
	AlreadyHolder
	Full
)

// reserver gives places. It answers within placeTime whatever Redis does, also when ctx lasts longer. Its errors are
// ErrMissing, ErrUnavailable, ErrCrowded, or something that wraps them.
type reserver interface {
	Reserve(ctx context.Context, k Key, user int64) (Place, error)
}

// releaser gives the places of declined claims back.
type releaser interface {
	Release(ctx context.Context, k Key, users []int64) error
}

// rebuild loads the holders of a sale from the ledger, once for everybody who asks at the same time.
type rebuild interface {
	Reconcile(ctx context.Context, k Key) error
}

// appender writes a claim to the log; a position means that the log has acknowledged it.
type appender interface {
	Append(ctx context.Context, partition int, c events.Claim) (events.Position, error)
}

// director has a claim decided without the log.
type director interface {
	Decide(ctx context.Context, c events.Claim) (events.Verdict, error)
}

// cursors tell how far the ledger has read the log: the next offset, and when that last moved (Postgres' clock).
type cursors interface {
	Cursor(ctx context.Context, partition int) (offset int64, movedAt time.Time, err error)
}

// Shopper is who may press, as sale needs to know it.
type Shopper struct {
	ID          int64
	Username    string
	MayPurchase bool
}

// shoppers finds shoppers by the normal form of their name or address. Known asks memory only.
type shoppers interface {
	Known(name string) (Shopper, bool)
	Find(ctx context.Context, name string) (Shopper, bool, error)
	// Warm makes the names of these shoppers known, for as long as the process lives.
	Warm(ctx context.Context, ids []int64) error
}
