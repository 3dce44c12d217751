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

// Times of a purchase. A request is answered within buyTime whatever fails: each stage has its own time or what is left of
// the request's, whichever is less. The stages before the claim leave claimTime, so that a place is not taken for nothing.
//
//	stage                                              has, in ms       sum     ends at
//	the name is looked up                        lookupTime     500     500
//	the sale is opened, or                       startTime    1,000   1,500
//	a loser may be an owner (the answer)         lookupTime     500
//	a place                                      placeTime      700   2,200
//	the places are loaded; else the ledger       rebuildTime    500   2,700
//	decides who gets in
//	a place once more                            placeTime      700   3,400     buyTime - claimTime = 1,500
//	a holder may be an owner                     lookupTime     500     500
//	the log acknowledges the claim               appendTime     300     800
//	it has not: the direct path (the answer)     directTime   2,000   2,800
//	it has: the verdict, and within that after   verdictTime  1,000   1,800
//	idleTime whether anybody consumes            appendTime     300   2,100
//	and the direct path                          the rest       500   2,600
//	an old verdict is looked up again            lookupTime     500   3,100
//	the claim of the attempt that comes next     as above     2,600   5,700
//	the owner's receipt, with its key            lookupTime   1,000   6,700     buyTime = 3,000
const (
	// buyTime is how long a request may take. claimTime is the part of it that is reserved for the claim of a shopper who has
	// a place.
	buyTime   = 3 * time.Second
	claimTime = 1500 * time.Millisecond
	// placeTime is how long a place may take: for what waits the combiner has 500 ms, and the script 200.
	placeTime = 700 * time.Millisecond
	// rebuildTime is how long a request waits for places that are not loaded. The load goes on without it.
	rebuildTime = 500 * time.Millisecond
	// appendTime is how long the log has to acknowledge a claim before the ledger is asked directly.
	appendTime = 300 * time.Millisecond
	// idleTime is how long an acknowledged claim waits before its request looks whether anybody consumes.
	idleTime = 500 * time.Millisecond
	// verdictTime is how long a request waits for a verdict at most, from the acknowledgement.
	verdictTime = time.Second
	// directTime bounds the direct path of a claim that the log did not acknowledge.
	directTime = 2 * time.Second
	// resendEvery bounds how often this process writes a claim again for requests whose shopper has the place already.
	resendEvery = time.Second
	// lookupTime bounds the look-up of what is not in memory: a name, a receipt, a verdict.
	lookupTime = 500 * time.Millisecond
	// progressTime is how long an answer about the log's progress is good for.
	progressTime = 100 * time.Millisecond
	// startTime is how long a request waits for the sale to be opened when its start has passed.
	startTime = time.Second
)

// Deps are what a Checkout needs. All are required but Bus, Verdict, Logger and Registerer.
type Deps struct {
	Store    decisions
	Catalog  *Catalog
	Bus      bus
	Places   reserver
	Releaser releaser
	Rebuild  rebuild
	Log      appender
	Direct   director
	Cursors  cursors
	Shoppers shoppers
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
	live     func() int
	lookup   func(ctx context.Context, k sale.Key, user int64) (sale.Receipt, error)
	// verdictOf is Deps.Verdict.
	verdictOf func(ctx context.Context, id uuid.UUID) (events.Verdict, bool, error)
	logger    *slog.Logger
	metrics   *checkoutMetrics

	pending        pendingClaims
	timers         sync.Pool // of *time.Timer, stopped
	pendingAnswers pendingAnswers
	attempts       attempts
	progress       progress
	lostClaims     lostClaims
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
		direct: d.Direct, shoppers: d.Shoppers, live: d.Live, lookup: d.Lookup, verdictOf: d.Verdict, logger: d.Logger,
		progress:   progress{cursors: d.Cursors},
		lostClaims: lostClaims{settled: d.Settled},
		releases:   make(chan release, releaseQueue),
		loadDue:    make(chan struct{}, 1),
	}
	if c.verdictOf == nil {
		c.verdictOf = c.lookUpVerdict
	}
	c.metrics = newCheckoutMetrics(d.Registerer, func() float64 { return float64(c.pending.count.Load()) })
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
