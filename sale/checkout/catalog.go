package checkout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
)

const (
	// refreshEvery leaves half the lease for the answer to a read.
	refreshEvery = 500 * time.Millisecond
	refreshTime  = time.Second
	// allClaimedFor is how long the answer of Redis that every place is taken is shown.
	allClaimedFor = time.Second
)

// CatalogConfig is what a Catalog needs.
type CatalogConfig struct {
	// Store makes the moves and the digests. Required.
	Store catalogSource
	// Lease reads what Store does, by connections that nothing else uses, so that a refresh never waits for one. Nil: Store.
	Lease catalogSource
	// Bus tells the processes of each other's changes. Nil: each finds them by its own reads.
	Bus bus
	// Log takes the close records. Required to Run.
	Log appender
	// Logger is slog.Default when nil.
	Logger *slog.Logger
}

// leasedSource reads through connections of its own. Those that move sales and compute digests may have to wait.
type leasedSource struct {
	catalogSource
	lease catalogSource
}

func (v leasedSource) ReadChanges(ctx context.Context, known map[int64]sale.Key, versions map[int64]int64) (sale.Changes, error) {
	return v.lease.ReadChanges(ctx, known, versions)
}

// Catalog has the process's snapshots of all sales. A snapshot is a lease of one second: the catalog reads Postgres
// twice in that time to renew it, and applies this process's own commits and those that others announce at once.
// Reading takes no lock. Make one with NewCatalog, Refresh it once, and keep it going with Run.
type Catalog struct {
	source catalogSource
	bus    bus
	log    appender
	logger *slog.Logger

	clock       clock
	origin      time.Time
	renewed     atomic.Int64 // nanoseconds from origin to the question of the last read that was answered; 0: never
	snapshots   atomic.Pointer[snapshots]
	replacing   sync.Mutex    // guards the replacement of snapshots
	refreshing  chan struct{} // has a token while a refresh is under way
	refreshDue  chan struct{} // asks Run for a refresh
	subscribers subscribers

	moveFailing   atomic.Bool // a move has failed, and that was logged
	closeFailing  atomic.Bool // so has a close record
	digestFailing atomic.Bool // so has a digest
}

// snapshots is the immutable set of all that the catalog knows. A change makes another one.
type snapshots struct {
	bySlug  map[string]*catalogEntry
	byID    map[int64]*catalogEntry
	list    []*catalogEntry
	current *catalogEntry
	// replaced is closed when another set takes its place.
	replaced chan struct{}
}

// catalogEntry is one sale in the snapshots.
type catalogEntry struct {
	sale.Row
	// stockAnnouncedAt is when a commit last announced a stock of this sale; zero: none did.
	stockAnnouncedAt time.Time
	// allClaimedUntil is until when (from origin) all places are shown as taken. It belongs to one version.
	allClaimedUntil *atomic.Int64
	// receipts are the receipts of the present generation.
	receipts *receiptCache
	// sellout is when the last unit went, zero while units are left. A read of Postgres brings it.
	sellout sale.Sellout
	// epoch counts how often the ledger went back. Within one, versions only grow.
	epoch int64
}

// NewCatalog makes a Catalog that knows nothing yet.
func NewCatalog(cfg CatalogConfig) *Catalog {
	if cfg.Lease == nil {
		cfg.Lease = cfg.Store
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	c := &Catalog{
		source: leasedSource{cfg.Store, cfg.Lease}, bus: orNoBus(cfg.Bus), log: cfg.Log, logger: cfg.Logger,
		// A second back, so that no moment of this process lies at zero.
		origin:     time.Now().Add(-time.Second),
		refreshing: make(chan struct{}, 1),
		refreshDue: make(chan struct{}, 1),
	}
	c.snapshots.Store(&snapshots{replaced: make(chan struct{})})
	c.bus.On(salesChannel, func(events.Decision, error) { c.refreshSoon() })
	c.bus.OnConnect(c.refreshSoon)
	return c
}

// Run refreshes the catalog and moves the sales at their times until ctx ends.
func (c *Catalog) Run(ctx context.Context) error {
	var tasks sync.WaitGroup
	tasks.Go(func() { c.runTimetable(ctx) })
	defer tasks.Wait()
	stale := false
	for {
		look, cancel := context.WithTimeout(ctx, refreshTime)
		err := c.refresh(look)
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		if now := c.stale(time.Now()); now != stale {
			stale = now
			c.subscribers.notify()
			c.logStale(stale, err)
		}
		if !sleep(ctx, refreshEvery, c.refreshDue) {
			return nil
		}
	}
}

func (c *Catalog) logStale(stale bool, err error) {
	if stale {
		c.logger.Warn("sales cannot be looked up; showing the last figures", "error", err)
		return
	}
	c.logger.Info("sales are looked up again")
}

// sleep waits for the time or the signal. It is false when ctx ended first.
func sleep(ctx context.Context, d time.Duration, signal <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
	case <-signal:
	}
	return true
}

func (c *Catalog) refreshSoon() {
	select {
	case c.refreshDue <- struct{}{}:
	default:
	}
}

// Refresh reads Postgres now and tells the other processes to do so too. What was committed before the call is in the
// catalog when it returns without an error. A read that takes too long is repeated until ctx ends.
func (c *Catalog) Refresh(ctx context.Context) error {
	err := c.refresh(ctx)
	for errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = c.refresh(ctx)
	}
	c.bus.Publish(salesChannel, nil)
	return err
}

// refresh brings the catalog up to date with Postgres. One call at a time reads, for refreshTime at most: an answer that
// is lost stops nobody else from renewing the lease. The first read of a process has no such bound.
func (c *Catalog) refresh(ctx context.Context) error {
	select {
	case c.refreshing <- struct{}{}:
		defer func() { <-c.refreshing }()
	case <-ctx.Done():
		return fmt.Errorf("read sales: %w", ctx.Err())
	}
	if c.Ready() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, refreshTime)
		defer cancel()
	}
	known, versions := c.snapshots.Load().versions()
	n, err := c.source.ReadChanges(ctx, known, versions)
	if err != nil {
		return fmt.Errorf("read sales: %w", err)
	}
	c.clock.sample(n.Asked, n.AnsweredAt, n.Now)
	c.replacing.Lock()
	c.replace(c.snapshots.Load().withChanges(n))
	c.renewed.Store(int64(n.Asked.Sub(c.origin)))
	c.replacing.Unlock()
	return nil
}

// applyStocks puts the stocks of a commit into the catalog.
func (c *Catalog) applyStocks(stocks []events.Stock) {
	c.replacing.Lock()
	defer c.replacing.Unlock()
	snapshots, unknown := c.snapshots.Load().withStocks(stocks, time.Now())
	c.replace(snapshots)
	// A read also brings the moment at which the last unit went.
	if unknown || slices.ContainsFunc(stocks, func(l events.Stock) bool { return l.Total > 0 && l.Taken >= l.Total }) {
		c.refreshSoon()
	}
}

// behind is true when one of these orders was made at a later version of its stock than the catalog shows.
func (c *Catalog) behind(verdicts []events.Verdict) bool {
	now := c.snapshots.Load()
	return slices.ContainsFunc(verdicts, func(v events.Verdict) bool {
		e := now.byID[v.SaleID]
		return e != nil && e.Generation == v.Generation && e.Level.Version < v.Revision
	})
}

// dropReceipts gives a closed sale an empty receipt cache. Requests under way keep the full one, so that
// none of them answers an owner as a loser.
func (c *Catalog) dropReceipts(e *catalogEntry) {
	if e.receipts.empty() {
		return
	}
	c.replacing.Lock()
	defer c.replacing.Unlock()
	snapshots := c.snapshots.Load()
	if now := snapshots.byID[e.Sale]; now != nil && now.receipts == e.receipts && now.State == sale.Closed {
		c.replace(snapshots.withEmptyReceipts(now))
	}
}

// replace publishes another set of snapshots; nil keeps the present one. The caller has locked replacing.
func (c *Catalog) replace(next *snapshots) {
	if next == nil {
		return
	}
	old := c.snapshots.Swap(next)
	close(old.replaced)
	c.subscribers.notify()
}

func (c *Catalog) stale(now time.Time) bool { return c.age(now) > sale.Lease }

// age is how long ago the figures were asked for.
func (c *Catalog) age(now time.Time) time.Duration {
	renewed := c.renewed.Load()
	if renewed == 0 {
		return now.Sub(c.origin) + sale.Lease
	}
	return now.Sub(c.origin) - time.Duration(renewed)
}

// Ready is true from the first answered read of Postgres on: then the catalog has figures that were true once, and says
// how old they are. Safe for concurrent use.
func (c *Catalog) Ready() bool { return c.renewed.Load() != 0 }

// find is the sale of that slug, the current one for "", or nil.
func (c *Catalog) find(slug string) *catalogEntry {
	snapshots := c.snapshots.Load()
	if slug == "" {
		return snapshots.current
	}
	return snapshots.bySlug[slug]
}

// Snapshot is the sale of that slug, or the current one for "": the one that is open, else the next to open,
// else the last that ended. It comes from memory. ErrNoSale when there is none.
func (c *Catalog) Snapshot(slug string) (sale.Snapshot, error) {
	e := c.find(slug)
	if e == nil {
		return sale.Snapshot{}, sale.ErrNoSale
	}
	return c.snapshot(e, time.Now()), nil
}

// All lists the snapshots of all sales by id.
func (c *Catalog) All() []sale.Snapshot {
	list := c.snapshots.Load().list
	all := make([]sale.Snapshot, len(list))
	for i, e := range list {
		all[i] = c.snapshot(e, time.Now())
	}
	return all
}

// ReceiptSecret is the secret in the address of a receipt (sale.ReceiptSecret), or "" when this process does not know its sale.
func (c *Catalog) ReceiptSecret(r sale.Receipt) string {
	e := c.snapshots.Load().byID[r.SaleID]
	if e == nil || r.OrderID == uuid.Nil {
		return ""
	}
	return sale.ReceiptSecret(e.Secret, r.OrderID)
}

// ReceiptOrder is the order whose receipt has that secret in its address, or false for a text that is nobody's. It asks no server,
// because the keys of all sales are in memory, those of sales that are over too: whoever tries secrets costs no query.
func (c *Catalog) ReceiptOrder(secret string) (uuid.UUID, bool) {
	proof, ok := sale.ReadReceiptSecret(secret)
	if !ok {
		return uuid.Nil, false
	}
	proved := false
	for _, e := range c.snapshots.Load().list {
		proved = proof.By(e.Secret) || proved // all of them, so that the time does not tell which sale it was
	}
	if !proved {
		return uuid.Nil, false
	}
	return proof.Order, true
}

// Changed signals whenever a snapshot may have changed. The channel has room for one signal, so a slow reader
// misses only repeats. Call the function to end the signals.
func (c *Catalog) Changed() (<-chan struct{}, func()) { return c.subscribers.subscribe() }

func (c *Catalog) snapshot(e *catalogEntry, local time.Time) sale.Snapshot {
	age := c.age(local)
	return sale.Snapshot{
		ID: e.Sale, Slug: e.Slug, Generation: e.Generation, State: e.State, Partition: e.Partition,
		StartsAt: e.StartsAt, EndsAt: e.EndsAt, Total: e.Level.Total, Taken: e.Level.Taken, Epoch: e.epoch, Version: e.ClientVersion(),
		Revision: e.Revision, Limit: e.Limit, Message: e.Message, Texts: &e.Texts, Sellout: e.sellout, Zone: e.Zone, Archived: e.Archived,
		AllClaimed: e.allClaimedUntil.Load() > int64(local.Sub(c.origin)) && e.Level.Taken < e.Level.Total,
		Stale:      age > sale.Lease, Age: age, Now: c.clock.now(local).UTC(), Product: &e.Product,
	}
}

// markClaimed notes that Redis has no place left, or (false) that it gave one.
func (c *Catalog) markClaimed(e *catalogEntry, all bool) {
	now := int64(time.Since(c.origin))
	was := e.allClaimedUntil.Load()
	if !all {
		if was > now && e.allClaimedUntil.CompareAndSwap(was, 0) {
			c.subscribers.notify()
		}
		return
	}
	if was < now+int64(allClaimedFor)/2 && e.allClaimedUntil.CompareAndSwap(was, now+int64(allClaimedFor)) && was < now {
		c.subscribers.notify()
	}
}
