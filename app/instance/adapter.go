package instance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/app/combine"
	"flashsale/app/web/request"
	"flashsale/app/web/session"
	"flashsale/events"
	"flashsale/events/claimlog"
	"flashsale/events/consumer"
	"flashsale/inventory"
	"flashsale/sale"
	"flashsale/sale/checkout"
	"flashsale/sale/ledger"
	"flashsale/users"
	"flashsale/users/directory"
	"flashsale/users/login"
)

// The adapters in this file translate between domains that do not import each other, and combine the many single calls of
// requests into the batch operations of the domains.

// stockOf lets sale use inventory's stock inside sale's transactions.
type stockOf struct{ store *inventory.Store }

func (s stockOf) BeginTx(ctx context.Context, tx pgx.Tx, k sale.Key, total, version int64) (sale.Level, error) {
	l, err := s.store.BeginTx(ctx, tx, inventory.Key(k), total, version)
	return sale.Level(l), err
}

func (s stockOf) LockTx(ctx context.Context, tx pgx.Tx, keys []sale.Key) ([]sale.Level, error) {
	locked, err := s.store.LockTx(ctx, tx, inventoryKeys(keys))
	return saleLevels(locked), err
}

func (s stockOf) QueueLock(batch *pgx.Batch, keys []sale.Key, got func([]sale.Level)) {
	s.store.QueueLock(batch, inventoryKeys(keys), func(locked []inventory.Level) { got(saleLevels(locked)) })
}

func (s stockOf) QueueTake(batch *pgx.Batch, locked sale.Level, n int64) ([]int64, sale.Level, bool) {
	units, l, ok := s.store.QueueTake(batch, inventory.Level(locked), n)
	return units, sale.Level(l), ok
}

func (s stockOf) Levels(ctx context.Context, keys []sale.Key) ([]sale.Level, error) {
	levels, err := s.store.Levels(ctx, inventoryKeys(keys))
	return saleLevels(levels), err
}

func inventoryKeys(keys []sale.Key) []inventory.Key {
	same := make([]inventory.Key, len(keys))
	for i, k := range keys {
		same[i] = inventory.Key(k)
	}
	return same
}

func saleLevels(levels []inventory.Level) []sale.Level {
	same := make([]sale.Level, len(levels))
	for i, l := range levels {
		same[i] = sale.Level(l)
	}
	return same
}

func (s stockOf) TakeTx(ctx context.Context, tx pgx.Tx, k sale.Key, n int64) ([]int64, sale.Level, error) {
	units, l, err := s.store.TakeTx(ctx, tx, inventory.Key(k), n)
	return units, sale.Level(l), err
}

func (s stockOf) ReturnTx(ctx context.Context, tx pgx.Tx, k sale.Key, unit int64) (sale.Level, error) {
	l, err := s.store.ReturnTx(ctx, tx, inventory.Key(k), unit)
	return sale.Level(l), err
}

func (s stockOf) SetTotalTx(ctx context.Context, tx pgx.Tx, k sale.Key, total int64) (sale.Level, error) {
	l, err := s.store.SetTotalTx(ctx, tx, inventory.Key(k), total)
	if errors.Is(err, inventory.ErrBelowTaken) {
		err = sale.ErrBelowSold
	}
	return sale.Level(l), err
}

// maxWait is how long the oldest call may wait for its batch. While it waits longer, new calls are refused at once: some
// answers in time are better than all answers late. Claims are never refused like that, because each of them has a place.
const maxWait = 500 * time.Millisecond

// placesOf lets sale reserve single places; all requests that wait share one script call.
type placesOf struct {
	places     *inventory.Places
	reconciler *inventory.Reconciler
	reserve    *combine.Group[inventory.Key, int64, inventory.Place]
}

func newPlaces(places *inventory.Places, reconciler *inventory.Reconciler) *placesOf {
	return &placesOf{places: places, reconciler: reconciler, reserve: combine.NewGroup(places.Reserve, combine.Options{
		MaxBatch: 256, InFlight: 2, Queue: 20_000, Timeout: reserveTime, MaxWait: maxWait,
	})}
}

func (p *placesOf) Reserve(ctx context.Context, k sale.Key, user int64) (checkout.Place, error) {
	place, err := p.reserve.Do(ctx, inventory.Key(k), user)
	switch {
	case err == nil:
		return placeFor(place)
	case errors.Is(err, inventory.ErrMissing):
		return 0, sale.ErrMissing
	case errors.Is(err, combine.ErrFull):
		return 0, saleError(err)
	default:
		return 0, errors.Join(sale.ErrUnavailable, err)
	}
}

func placeFor(p inventory.Place) (checkout.Place, error) {
	switch p {
	case inventory.Reserved:
		return checkout.Reserved, nil
	case inventory.AlreadyHolder:
		return checkout.AlreadyHolder, nil
	case inventory.Full:
		return checkout.Full, nil
	}
	return 0, fmt.Errorf("%w: place %s", sale.ErrUnavailable, p)
}

func (p *placesOf) Release(ctx context.Context, k sale.Key, users []int64) error {
	return p.places.Release(ctx, inventory.Key(k), users)
}

func (p *placesOf) Reconcile(ctx context.Context, k sale.Key) error {
	return p.reconciler.Now(ctx, inventory.Key(k))
}

// logOf writes single claims; all claims that wait for the same partition share one produce request.
type logOf struct {
	append *combine.Group[int, events.Claim, events.Position]
}

func newLogOf(log *claimlog.Log, processes func() int) *logOf {
	return &logOf{combine.NewGroup(log.Append, combine.Options{MaxBatch: 500, InFlight: 2, Queue: 20_000, Timeout: produceTime, Share: processes})}
}

func (l *logOf) Append(ctx context.Context, partition int, c events.Claim) (events.Position, error) {
	return l.append.Do(ctx, partition, c)
}

// directTo decides single claims without the log, batched. Its ledger is set once, before the first purchase request.
type directTo struct {
	decide *combine.Combiner[events.Claim, events.Verdict]
}

func (d *directTo) through(l *consumer.Ledger) {
	d.decide = combine.New(l.Decide, combine.Options{MaxBatch: 500, InFlight: 2, Queue: 20_000, Timeout: decideTime})
}

func (d *directTo) Decide(ctx context.Context, c events.Claim) (events.Verdict, error) {
	v, err := d.decide.Do(ctx, c)
	if err == nil && v.ClaimID == uuid.Nil {
		err = fmt.Errorf("%w: the claim is not of the ledger that is in Postgres", sale.ErrUnavailable)
	}
	return v, err
}

// cursorOf tells how far the ledger has read the log. Its ledger is set once, before the first purchase request.
type cursorOf struct {
	ledger  *consumer.Ledger
	log     *claimlog.Log
	catalog *checkout.Catalog
}

func (c *cursorOf) Cursor(ctx context.Context, partition int) (int64, time.Time, error) {
	at, err := c.ledger.Cursor(ctx, partition)
	return at.Offset, at.MovedAt, err
}

func (c *cursorOf) Settled(ctx context.Context, partition int) (int64, bool, error) {
	return c.ledger.Settled(ctx, partition)
}

// claimsOf answers the reconciler's questions about a sale's part of the log.
type claimsOf struct{ *cursorOf }

func (c claimsOf) End(ctx context.Context, id int64) (int64, error) {
	_, end, err := c.log.Range(ctx, c.partition(id))
	return end, err
}

func (c claimsOf) Cursor(ctx context.Context, id int64) (int64, error) {
	at, err := c.ledger.Cursor(ctx, c.partition(id))
	return at.Offset, err
}

func (c claimsOf) partition(id int64) int {
	for _, s := range c.catalog.All() {
		if s.ID == id {
			return s.Partition
		}
	}
	return int(id % events.Partitions)
}

// shoppersOf tells sale who a name is; unknown names of many requests share one query.
type shoppersOf struct {
	directory *directory.Directory
	find      *combine.Combiner[string, users.Account]
}

func newShoppers(d *directory.Directory) *shoppersOf {
	return &shoppersOf{d, combine.New(d.Find, combine.Options{MaxBatch: 500, InFlight: 2, Queue: 5_000, Timeout: nameTime, MaxWait: maxWait})}
}

func (s *shoppersOf) Known(name string) (sale.Shopper, bool) {
	a, ok := s.directory.Known(name)
	return shopper(a), ok
}

func (s *shoppersOf) Find(ctx context.Context, name string) (sale.Shopper, bool, error) {
	a, err := s.find.Do(ctx, name)
	return shopper(a), a.ID != 0, saleError(err)
}

func (s *shoppersOf) Warm(ctx context.Context, ids []int64) error { return s.directory.Warm(ctx, ids) }

func shopper(a users.Account) sale.Shopper {
	return sale.Shopper{ID: a.ID, Username: a.Username, MayPurchase: a.MayPurchase, Archived: a.Archived}
}

// ledgerOf tells the reconciler who owns a unit and how many there are, read at one moment of the ledger.
type ledgerOf struct {
	sales *ledger.Store
	stock *inventory.Store
	pool  *pgxpool.Pool
}

func (l ledgerOf) Current(ctx context.Context) ([]inventory.Key, error) {
	keys, err := l.sales.CurrentKeys(ctx)
	return inventoryKeys(keys), err
}

func (l ledgerOf) Owners(ctx context.Context, k inventory.Key) (owners []int64, limit, version int64, err error) {
	moment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, l.pool, moment, func(tx pgx.Tx) error {
		level, err := l.stock.LevelTx(ctx, tx, k)
		if err != nil {
			return err
		}
		limit, version = level.Total, level.Version
		owners, err = l.sales.OwnersTx(ctx, tx, sale.Key(k))
		return err
	})
	return owners, limit, version, err
}

// keptOrders has the orders that receipts show, but for those of erased accounts. Of the accounts that are archived or erased, which the
// directory knows, Postgres says which is which; for all others an order is one query.
type keptOrders struct {
	sales     *ledger.Store
	users     *users.Store
	directory *directory.Directory
}

func (k keptOrders) Order(ctx context.Context, id uuid.UUID) (sale.Order, error) {
	o, err := k.sales.Order(ctx, id)
	if err != nil || k.directory.BarredKnown() && !k.directory.Gone(o.UserID) {
		return o, err
	}
	erased, err := k.users.Erased(ctx, o.UserID)
	if err == nil && erased {
		err = sale.ErrErased
	}
	if err != nil {
		return sale.Order{}, err
	}
	return o, nil
}

// namesChannel tells the processes that who may purchase has changed. A lost message costs a second: the directory asks by itself.
const namesChannel = "names"

// followNames lets the directory look at once when another process says that there is something to see. One look runs and one
// waits, which begins after every message that came until then.
func (c *wiring) followNames() {
	looks := make(chan struct{}, 2)
	c.bus.On(namesChannel, func(events.Decision, error) {
		select {
		case looks <- struct{}{}:
		default:
			return
		}
		go func() {
			defer func() { <-looks }()
			ctx, cancel := context.WithTimeout(context.Background(), nameTime)
			defer cancel()
			_ = c.directory.Refresh(ctx) // when it fails, the directory's own refresh says so
		}()
	})
}

// principals says who a request is from.
func (c *wiring) principals() request.Principals {
	return request.Principals{
		Demo: c.cfg.Demo, Sessions: c.sessions,
		Barred: c.directory.Barred, Unready: c.unready,
		Token: func(ctx context.Context, secret string) (request.Token, error) {
			t, err := c.login.CheckToken(ctx, secret)
			return request.Token{Name: t.Name, Account: t.Account, Username: t.Username, Scopes: t.Scopes}, err
		},
		Known: func(name string) (int64, bool) {
			a, known := c.directory.Known(name)
			return a.ID, known
		},
	}
}

// unready is true for an account with a role that has to set up its second factor first.
func (c *wiring) unready(ctx context.Context, account int64) (bool, error) {
	if !c.cfg.OperatorSecondFactor {
		return false, nil
	}
	role, err := c.login.RoleOf(ctx, account)
	if err != nil || role == login.NoRole {
		return false, err
	}
	enrolled, err := c.factors().Enrolled(ctx, account)
	return !enrolled, err
}

func (c *wiring) factors() *login.SecondFactors {
	return login.NewSecondFactors(c.login, "Flash Sale System", c.cfg.SessionKeys)
}

// signIn is what the pages of signing in and of accounts need.
func (c *wiring) signIn() session.Config {
	return session.Config{
		SecondFactor: c.cfg.OperatorSecondFactor, Sessions: c.sessions, Seals: c.sessions, Accounts: c.users, Passwords: c.passwords,
		Factors: c.factors(), Team: c.login, Acts: c.acts, Orders: c.sales, Codes: c.codes,
		Owners: c.limits, PublicURL: c.cfg.PublicURL,
	}
}

// selling is true while any sale takes purchases.
func (c *wiring) selling() bool {
	return slices.ContainsFunc(c.catalog.All(), func(s sale.Snapshot) bool { return s.Status() == sale.Active })
}
