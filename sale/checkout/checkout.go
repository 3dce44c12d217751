// Package checkout takes purchase requests to their answers.
//
// Nearly all requests of a sale lose. They are answered from the Catalog, which has the process's snapshots of what the ledger
// says, without a question to any server and without a lock that requests share. The others go through the stages of
// Checkout.Buy: a place in Redis, a claim in the log, the wait for the verdict. Each stage has a time of its own, so that the
// answer comes within buyTime whatever fails.
//
// The package knows the ledger, the places, the log and the accounts only by the small interfaces in siblings.go.
package checkout

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/events"
	"flashsale/sale"
)

// Deps are what a Checkout needs. All are required but Bus, Direct, Presses, Verdict, Waited, Logger and Registerer.
type Deps struct {
	Store    decisions
	Catalog  *Catalog
	Bus      bus
	Places   reserver
	Releaser releaser
	Rebuild  rebuild
	Log      appender
	// Direct decides claims that the log does not take, or that nobody reads there. Nil: they wait for the log.
	Direct   director
	Cursors  cursors
	Shoppers shoppers
	// Presses bounds how often a shopper, and a network, may press. Nil: nothing does.
	Presses pressLimit
	// Live is how many processes serve the sale, at least 1.
	Live func() int
	// Lookup is Store.LiveReceipts for one shopper, combined by the wiring with those of others who wait.
	Lookup func(ctx context.Context, k sale.Key, user int64) (sale.Receipt, error)
	// Verdict is Store.Verdicts for one claim, combined by the wiring with those of others who wait; false: it has none.
	// Nil: each asks by itself.
	Verdict func(ctx context.Context, id uuid.UUID) (events.Verdict, bool, error)
	// Settled is true when the ledger has decided every record that a partition of the log contains. epoch changes when the
	// log is found to be another one.
	Settled func(ctx context.Context, partition int) (epoch int64, settled bool, err error)
	// Waited is told how each wait for a verdict has ended: decided, acknowledged or unknown. It must be quick; ctx is the request's,
	// or one made of it. Nil: nobody is told.
	Waited func(ctx context.Context, how string)
	// Logger is slog.Default when nil.
	Logger *slog.Logger
	// Registerer takes the metrics; nil: none are registered.
	Registerer prometheus.Registerer
}

// Checkout takes purchase requests to their answers. Package events gives it the claims to decide: it passes them to Store
// and takes in what was decided. Its methods are safe for concurrent use. Without Run everything is still answered, but later
// and less often with the verdict: Run looks up verdicts that no other process announced, gives the places of declined
// claims back, and loads the receipts of sales that cannot be bought from.
type Checkout struct {
	ledger   decisions
	catalog  *Catalog
	bus      bus
	places   reserver
	releaser releaser
	rebuild  rebuild
	log      appender
	direct   director
	shoppers shoppers
	presses  pressLimit
	live     func() int
	lookup   func(ctx context.Context, k sale.Key, user int64) (sale.Receipt, error)
	// verdictOf is Deps.Verdict.
	verdictOf func(ctx context.Context, id uuid.UUID) (events.Verdict, bool, error)
	waited    func(ctx context.Context, how string) // nil: nobody is told
	logger    *slog.Logger
	metrics   *checkoutMetrics

	pending        pendingClaims
	timers         sync.Pool // of *time.Timer, stopped
	pendingAnswers pendingAnswers
	told           toldClaims
	attempts       attempts
	progress       progress
	lostClaims     lostClaims
	atOnce         quietPath
	releases       chan release
	loadDue        chan struct{}
	reasonLogged   atomic.Bool // a reason that this version does not know was logged
}

// New makes a Checkout.
func New(d Deps) *Checkout {
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	c := &Checkout{
		ledger: d.Store, catalog: d.Catalog, bus: orNoBus(d.Bus), places: d.Places, releaser: d.Releaser, rebuild: d.Rebuild, log: d.Log,
		direct: d.Direct, shoppers: d.Shoppers, presses: d.Presses, live: d.Live, lookup: d.Lookup, verdictOf: d.Verdict, waited: d.Waited, logger: d.Logger,
		progress:   progress{cursors: d.Cursors},
		lostClaims: lostClaims{settled: d.Settled},
		atOnce:     quietPath{due: make(chan dueAtOnce)},
		releases:   make(chan release, releaseQueue),
		loadDue:    make(chan struct{}, 1),
	}
	if c.verdictOf == nil {
		c.verdictOf = c.lookUpVerdict
	}
	c.metrics = newCheckoutMetrics(d.Registerer, func() float64 { n, _ := c.undecided(time.Now()); return float64(n) },
		func() float64 { _, oldest := c.undecided(time.Now()); return oldest.Seconds() })
	c.bus.On(verdictsChannel, c.receive)
	return c
}

// Prepare prepares claims for their verdicts in the ledger's transaction. See Store.Prepare.
func (c *Checkout) Prepare(reads *pgx.Batch, src events.Source, claims []events.Claim) events.Decide {
	return c.ledger.Prepare(reads, src, claims)
}

// DeclineTx declines a claim that cannot be decided. See Store.DeclineTx.
func (c *Checkout) DeclineTx(ctx context.Context, tx pgx.Tx, claim events.Claim, reason events.Reason) (events.Verdict, error) {
	return c.ledger.DeclineTx(ctx, tx, claim, reason)
}

// Verdicts looks up what was decided. See Store.Verdicts.
func (c *Checkout) Verdicts(ctx context.Context, ids []uuid.UUID) ([]events.Verdict, error) {
	return c.ledger.Verdicts(ctx, ids)
}

// lookUpVerdict is one question for one claim.
func (c *Checkout) lookUpVerdict(ctx context.Context, id uuid.UUID) (events.Verdict, bool, error) {
	found, err := c.ledger.Verdicts(ctx, []uuid.UUID{id})
	if err != nil || len(found) == 0 {
		return events.Verdict{}, false, err
	}
	return found[0], true, nil
}
