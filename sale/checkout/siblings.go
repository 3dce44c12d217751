package checkout

import (
	"context"
	"net/netip"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/sale"
)

// decisions is ledger.Store, as far as a purchase needs it.
type decisions interface {
	Prepare(reads *pgx.Batch, src events.Source, claims []events.Claim) events.Decide
	DeclineTx(ctx context.Context, tx pgx.Tx, c events.Claim, reason events.Reason) (events.Verdict, error)
	Verdicts(ctx context.Context, ids []uuid.UUID) ([]events.Verdict, error)
	LiveReceipts(ctx context.Context, k sale.Key, users []int64) ([]sale.Receipt, error)
	OrdersSince(ctx context.Context, k sale.Key, revision int64) ([]sale.OrderRow, error)
}

// catalogSource is ledger.Store, as far as the catalog needs it.
type catalogSource interface {
	ReadChanges(ctx context.Context, known map[int64]sale.Key, versions map[int64]int64) (sale.Changes, error)
	Advance(ctx context.Context, slug string) (bool, error)
	DigestNext(ctx context.Context) (bool, error)
}

// Place is what Redis says about a shopper and the holders of a sale.
type Place byte

// Reserved: this call made the shopper a holder. AlreadyHolder: the shopper was one. Full: there is no room.
const (
	Reserved Place = iota
	AlreadyHolder
	Full
)

// reserver gives places. It answers within placeTime whatever Redis does, also when ctx lasts longer. Its errors are
// ErrMissing, ErrUnavailable, ErrTooMany, or something that wraps them.
type reserver interface {
	Reserve(ctx context.Context, k sale.Key, user int64) (Place, error)
}

// releaser gives the places of declined claims back.
type releaser interface {
	Release(ctx context.Context, k sale.Key, users []int64) error
}

// rebuild loads the holders of a sale from the ledger, once for everybody who asks at the same time.
type rebuild interface {
	Reconcile(ctx context.Context, k sale.Key) error
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

// shoppers finds shoppers by the normal form of their name or address, also those whose account is archived. Known asks memory only.
type shoppers interface {
	Known(name string) (sale.Shopper, bool)
	Find(ctx context.Context, name string) (sale.Shopper, bool, error)
	// Warm makes the names of these shoppers known, for as long as the process lives, whether they are archived or not.
	Warm(ctx context.Context, ids []int64) error
}

// pressLimit counts presses in memory. It is not asked about a press that is answered from memory. Its arguments are values: with a
// pointer every request would be on the heap.
type pressLimit interface {
	// Take counts a press of a shopper from an address, or says whose budget is spent and for how long.
	Take(saleID int64, limit sale.PressLimit, shopper int64, from netip.Addr) (over sale.PressBudget, wait time.Duration, ok bool)
	// MayLook is true once a second for a shopper over the limit: then the ledger may be asked for the receipt.
	MayLook(saleID, shopper int64) bool
}

// The package's channels between the processes. What a lost message said is found later, by the reads of the catalog and the
// look-up of verdicts.
const (
	salesChannel    = "sales"    // a sale changed; a message without a decision
	verdictsChannel = "verdicts" // messages with decisions
)

// bus carries hints between the processes; package events/cluster has one. Publish never waits; nobody changes a published
// decision. On and OnConnect are called before the bus runs.
type bus interface {
	On(channel string, take func(d events.Decision, err error))
	OnConnect(do func())
	Publish(channel string, d *events.Decision)
}

// noBus is a bus that nobody listens to.
type noBus struct{}

func (noBus) On(string, func(events.Decision, error)) {}

func (noBus) OnConnect(func()) {}

func (noBus) Publish(string, *events.Decision) {}

// orNoBus is b, or a bus that nobody listens to.
func orNoBus(b bus) bus {
	if b == nil {
		return noBus{}
	}
	return b
}
