package sale

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"flashsale/events"
)

const (
	// lease is how long a snapshot may be answered from without having been looked at again.
	lease = time.Second
	// lookEvery leaves a look half the lease to come back.
	lookEvery = 500 * time.Millisecond
	lookTime  = time.Second
	// claimedFor is how long the word of Redis that every place is held is shown.
	claimedFor = time.Second
)

// BoardConfig is what a Board needs.
type BoardConfig struct {
	// Store makes the moves and the digests. Required.
	Store *Store
	// Lease is Store by connections that nothing else uses, so that no crowd keeps a look waiting. Nil: Store.
	Lease *Store
	// Bus tells the processes of each other's changes. Nil: each finds out by looking.
	Bus bus
	// Log takes the close records. Required to Run.
	Log appender
	// Logger is slog.Default when nil.
	Logger *slog.Logger
}

// ledgerView is Store, as far as the board needs it.
type ledgerView interface {
	look(ctx context.Context, known map[int64]Key, versions map[int64]int64) (news, error)
	advance(ctx context.Context, slug string) (bool, error)
	digestNext(ctx context.Context) (bool, error)
}

// leasedView looks by other connections than it moves sales and computes digests by, which may wait for somebody.
type leasedView struct {
	*Store
	lease *Store
}

func (v leasedView) look(ctx context.Context, known map[int64]Key, versions map[int64]int64) (news, error) {
	return v.lease.look(ctx, known, versions)
}

// Board holds the process's snapshots of all sales. A snapshot is a lease of one second: it is renewed by looking
// into Postgres twice in that time, and brought up to date at once by this process's own commits and by the news
// of others. Reading takes no lock. Make one with NewBoard, Refresh it once, and keep it going with Run.
type Board struct {
	view   ledgerView
	bus    bus
	log    appender
	logger *slog.Logger

	clock   clock
	origin  time.Time
	renewed atomic.Int64 // nanoseconds from origin to the question of the last answered look; 0: never
	shelf   atomic.Pointer[shelf]
	change  sync.Mutex    // held while the shelf is replaced
	looking chan struct{} // holds a token while a look is under way
	poke    chan struct{} // asks Run for a look
	readers readers

	immobile   atomic.Bool // a move has failed, and that was logged
	unwritten  atomic.Bool // so has a close record
	undigested atomic.Bool // so has a digest
}

// shelf is all that the board knows, never changed once it is there.
type shelf struct {
	bySlug  map[string]*entry
	byID    map[int64]*entry
	list    []*entry
	current *entry
	// next is closed when another shelf takes its place.
	next chan struct{}
}

// entry is one sale on the shelf.
type entry struct {
	sheet
	// pushed is when a commit was last heard of, rather than looked up.
	pushed time.Time
	// claimed is until when (from origin) all places are said to be held. It belongs to one version.
	claimed *atomic.Int64
	// book holds the receipts of the present generation.
	book *book
	// epoch counts how often the ledger went back. Within one, versions only grow.
	epoch int64
}

// NewBoard makes a Board that knows nothing yet.
func NewBoard(cfg BoardConfig) *Board {
	if cfg.Lease == nil {
		cfg.Lease = cfg.Store
	}
	return newBoard(leasedView{cfg.Store, cfg.Lease}, cfg.Bus, cfg.Log, cfg.Logger)
}

func newBoard(view ledgerView, bus bus, log appender, logger *slog.Logger) *Board {
	if logger == nil {
		logger = slog.Default()
	}
	b := &Board{
		view: view, bus: orNoBus(bus), log: log, logger: logger,
		// A second back, so that no moment of this process lies at zero.
		origin:  time.Now().Add(-time.Second),
		looking: make(chan struct{}, 1),
		poke:    make(chan struct{}, 1),
	}
	b.shelf.Store(&shelf{next: make(chan struct{})})
	b.bus.On(salesChannel, func(events.Decision, error) { b.nudge() })
	b.bus.OnConnect(b.nudge)
	return b
}

// Run keeps the board up to date and the sales to their times until ctx ends.
func (b *Board) Run(ctx context.Context) error {
	var clockwork sync.WaitGroup
	clockwork.Go(func() { b.keepTime(ctx) })
	defer clockwork.Wait()
	stale := false
	for {
		look, cancel := context.WithTimeout(ctx, lookTime)
		err := b.look(look)
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		if now := b.stale(time.Now()); now != stale {
			stale = now
			b.readers.tell()
			b.logStale(stale, err)
		}
		if !sleep(ctx, lookEvery, b.poke) {
			return nil
		}
	}
}

func (b *Board) logStale(stale bool, err error) {
	if stale {
		b.logger.Warn("sales cannot be looked up; showing the last figures", "error", err)
		return
	}
	b.logger.Info("sales are looked up again")
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

func (b *Board) nudge() {
	select {
	case b.poke <- struct{}{}:
	default:
	}
}

// Refresh looks into Postgres now and tells the other processes to. What was committed before the call is on the
// board when it returns without an error. A look that takes too long is made again until ctx ends.
func (b *Board) Refresh(ctx context.Context) error {
	err := b.look(ctx)
	for errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = b.look(ctx)
	}
	b.bus.Publish(salesChannel, nil)
	return err
}

// look brings the board up to date with Postgres. One at a time does, and none for longer than lookTime, so that an
// answer which is lost keeps nobody else from renewing the lease; only the first may take its time.
func (b *Board) look(ctx context.Context) error {
	select {
	case b.looking <- struct{}{}:
		defer func() { <-b.looking }()
	case <-ctx.Done():
		return fmt.Errorf("look at sales: %w", ctx.Err())
	}
	if b.Ready() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, lookTime)
		defer cancel()
	}
	known, versions := b.shelf.Load().known()
	n, err := b.view.look(ctx, known, versions)
	if err != nil {
		return fmt.Errorf("look at sales: %w", err)
	}
	b.clock.sample(n.asked, n.answeredAt, n.now)
	b.change.Lock()
	b.put(b.shelf.Load().with(n))
	b.renewed.Store(int64(n.asked.Sub(b.origin)))
	b.change.Unlock()
	return nil
}

// heard brings the board up to date with a commit.
func (b *Board) heard(stocks []events.Stock) {
	b.change.Lock()
	defer b.change.Unlock()
	shelf, unknown := b.shelf.Load().heard(stocks, time.Now())
	b.put(shelf)
	if unknown {
		b.nudge()
	}
}

// behind is true when one of these orders was made at a later version of its stock than the board shows.
func (b *Board) behind(verdicts []events.Verdict) bool {
	shelf := b.shelf.Load()
	return slices.ContainsFunc(verdicts, func(v events.Verdict) bool {
		e := shelf.byID[v.SaleID]
		return e != nil && e.Generation == v.Generation && e.level.Version < v.Revision
	})
}

// putAway gives a closed sale an empty book. Presses on their way still read the full one to its end, because a book
// that lost its receipts under them would call an owner a loser.
func (b *Board) putAway(e *entry) {
	if e.book.pages.Load() == nil {
		return
	}
	b.change.Lock()
	defer b.change.Unlock()
	shelf := b.shelf.Load()
	if now := shelf.byID[e.Sale]; now != nil && now.book == e.book && now.state == Closed {
		b.put(shelf.without(now))
	}
}

// put replaces the shelf; nil keeps it. The caller holds change.
func (b *Board) put(next *shelf) {
	if next == nil {
		return
	}
	old := b.shelf.Swap(next)
	close(old.next)
	b.readers.tell()
}

func (b *Board) stale(now time.Time) bool { return b.age(now) > lease }

// age is how long ago the figures were asked for.
func (b *Board) age(now time.Time) time.Duration {
	renewed := b.renewed.Load()
	if renewed == 0 {
		return now.Sub(b.origin) + lease
	}
	return now.Sub(b.origin) - time.Duration(renewed)
}

// Ready is true once a look into Postgres was answered, and stays so: from then on the board has figures that were true
// once and says how old they are. Safe for concurrent use.
func (b *Board) Ready() bool { return b.renewed.Load() != 0 }

// find is the sale of that slug, the current one for "", or nil.
func (b *Board) find(slug string) *entry {
	shelf := b.shelf.Load()
	if slug == "" {
		return shelf.current
	}
	return shelf.bySlug[slug]
}

// Snapshot is the sale of that slug, or the current one for "": the one that is open, else the next to open,
// else the last that ended. It comes from memory. ErrNoSale when there is none.
func (b *Board) Snapshot(slug string) (Snapshot, error) {
	e := b.find(slug)
	if e == nil {
		return Snapshot{}, ErrNoSale
	}
	return b.snapshot(e, time.Now()), nil
}

// All lists the snapshots of all sales by id.
func (b *Board) All() []Snapshot {
	list := b.shelf.Load().list
	all := make([]Snapshot, len(list))
	for i, e := range list {
		all[i] = b.snapshot(e, time.Now())
	}
	return all
}

// Changed signals whenever a snapshot may have changed. The channel holds one signal, so a slow reader misses
// nothing but repeats. Call the function to end it.
func (b *Board) Changed() (<-chan struct{}, func()) { return b.readers.add() }

func (b *Board) snapshot(e *entry, local time.Time) Snapshot {
	age := b.age(local)
	return Snapshot{
		ID: e.Sale, Slug: e.slug, Generation: e.Generation, State: e.state, Partition: e.partition,
		StartsAt: e.startsAt, EndsAt: e.endsAt, Total: e.level.Total, Taken: e.level.Taken, Epoch: e.epoch, Version: e.shown(),
		Revision:   e.revision,
		AllClaimed: e.claimed.Load() > int64(local.Sub(b.origin)) && e.level.Taken < e.level.Total,
		Stale:      age > lease, Age: age, Now: b.clock.now(local).UTC(), Product: &e.product,
	}
}

// markClaimed notes that Redis has no place left, or (false) that it gave one.
func (b *Board) markClaimed(e *entry, all bool) {
	now := int64(time.Since(b.origin))
	was := e.claimed.Load()
	if !all {
		if was > now && e.claimed.CompareAndSwap(was, 0) {
			b.readers.tell()
		}
		return
	}
	if was < now+int64(claimedFor)/2 && e.claimed.CompareAndSwap(was, now+int64(claimedFor)) && was < now {
		b.readers.tell()
	}
}
