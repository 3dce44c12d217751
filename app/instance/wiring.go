package instance

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/rueidis"

	"flashsale/app/combine"
	"flashsale/app/config"
	"flashsale/app/operator"
	"flashsale/app/replica"
	"flashsale/app/traces"
	"flashsale/events/audit"
	"flashsale/events/cluster"
	"flashsale/events/consumer"
	"flashsale/events/outbox"
	"flashsale/inventory"
	"flashsale/sale"
	"flashsale/sale/checkout"
	"flashsale/sale/ledger"
	"flashsale/sale/orderlist"
	"flashsale/sale/storefront"
	"flashsale/users"
	"flashsale/users/directory"
	"flashsale/users/login"
	"flashsale/users/login/codes"
	"flashsale/users/login/limits"
	"flashsale/users/mail"
)

// wiring is the domains, connected with each other. Nothing in it runs by itself: an instance starts its list of parts, a
// command only uses the stores and the acts. Whatever has a Run is put on the list of parts where it is made.
type wiring struct {
	id         string
	cfg        config.Config
	servers    *Servers
	stock      *inventory.Store
	places     *inventory.Places
	reconciler *inventory.Reconciler
	sales      *ledger.Store
	bus        *cluster.Bus
	catalog    *checkout.Catalog
	checkout   *checkout.Checkout
	users      *users.Store
	directory  *directory.Directory
	limits     *limits.Limits
	login      *login.Store
	sessions   *login.Sessions
	passwords  *login.Passwords
	outbox     *outbox.Outbox
	audit      *audit.Log
	refusals   *audit.Refusals
	heartbeat  *cluster.Heartbeat
	ledger     *consumer.Ledger
	mails      *mail.Sender
	mailbox    *mail.Mailbox // nil: nobody reads mails here
	codes      *codes.Codes
	reminders  *remindersOf
	brand      *storefront.Shown
	pictures   *storefront.ProductPictures
	replica    *replica.Replica // nil: there is none
	acts       *operator.Acts
	desk       *operator.Desk
	probing    *probes
	combiners  map[string]combining
	parts      parts
}

func newWiring(cfg config.Config, s *Servers, log *slog.Logger, reg prometheus.Registerer) *wiring {
	c := &wiring{id: cmp.Or(s.id, processID()), cfg: cfg, servers: s}
	if s.traces != nil {
		c.parts.add("traces", knowing, s.traces) // the last that ends: the others make spans until then
	}
	c.stores(log, reg)
	c.purchasePath(log, reg)
	c.mailing(log, reg)
	c.pictures = storefront.NewProductPictures(storefront.NewStore(s.pool))
	c.acts = operator.New(operator.Config{
		Pool: s.pool, Stock: c.stock, Places: c.places, Reconciler: c.reconciler, Owners: ledgerOf{c.sales, c.stock, s.pool},
		Sales: c.sales, Catalog: c.catalog, Checkout: c.checkout, Users: c.users, Directory: c.directory, Team: c.login, Brand: storefront.NewStore(s.pool), Pictures: c.pictures, Audit: c.audit, Ledger: c.ledger,
		Alone: s.stack != nil, Logger: log, NamesChanged: func() { c.bus.Publish(namesChannel, nil) },
	})
	c.desk = operator.NewDesk(operator.DeskConfig{
		Orders: orderlist.New(s.pool), Sales: c.sales, Catalog: c.catalog, Stock: c.stock, Users: c.users, Team: c.login, Sessions: c.sessions, Limits: c.limits,
		Audit: c.audit, Outbox: c.outbox, Log: s.log, Exports: s.export, Copy: c.copies(log, reg),
	})
	c.probing = newProbes(c, reg)
	c.parts.add("probes", serving, c.probing)
	return c
}

func (c *wiring) stores(log *slog.Logger, reg prometheus.Registerer) {
	s := c.servers
	c.stock = inventory.NewStore(s.pool)
	c.places = inventory.NewPlaces(s.redis, inventory.PlacesConfig{Namespace: c.cfg.Namespace, Logger: log, Registerer: reg})
	c.outbox = outbox.New(s.pool, s.log)
	c.audit = audit.New(s.pool)
	c.parts.add("outbox", deciding, c.outbox)
	c.heartbeat = cluster.NewHeartbeat(s.lease, c.id)
	c.parts.add("heartbeat", serving, c.heartbeat)
	c.sales = ledger.New(s.pool, stockOf{c.stock}, c.outbox)
	c.users = users.NewStore(s.pool)
	c.directory = directory.New(c.users, directory.Config{Logger: log})
	c.parts.add("directory", knowing, c.directory)
	c.limits = limits.New(s.redis, limits.Config{Namespace: c.cfg.Namespace, Live: c.heartbeat.Live, Logger: log, Registerer: reg})
	c.parts.add("limits", serving, c.limits)
	// Over the connections of the lease: what has ended is known however busy the others are.
	c.sessions = login.NewSessions(login.NewStore(s.lease), login.SessionsConfig{SecondFactor: c.cfg.OperatorSecondFactor,
		Lifetime: c.cfg.SessionLifetime, Keys: c.cfg.SessionKeys, Gone: c.directory.Gone, Logger: log})
	c.parts.add("sessions", knowing, c.sessions)
	c.brand = storefront.NewShown(storefront.NewStore(s.lease), log)
	c.parts.add("brand", knowing, c.brand)
	c.login = login.NewStore(s.pool)
	c.refusals = audit.NewRefusals(c.audit, log, reg)
	c.parts.add("refusals", serving, c.refusals)
}

// purchasePath makes everything between a purchase request and its verdict. Checkout and ledger need each other: the checkout
// asks the ledger for direct decisions, the ledger asks the checkout to decide.
func (c *wiring) purchasePath(log *slog.Logger, reg prometheus.Registerer) {
	s := c.servers
	produce, direct, cursor := newLogOf(s.log, c.heartbeat.Live), &directTo{}, &cursorOf{log: s.log}
	c.bus = cluster.NewBus(cluster.BusConfig{Namespace: c.cfg.Namespace, Process: c.id, Logger: log, Registerer: reg,
		Dial: func() (rueidis.Client, error) { return DialRedis(s.Settings) }})
	c.parts.add("bus", serving, c.bus)
	c.followNames()
	c.catalog = checkout.NewCatalog(checkout.CatalogConfig{Store: c.sales, Lease: c.leased(), Bus: c.bus, Log: produce, Logger: log})
	c.parts.add("catalog", serving, c.catalog)
	cursor.catalog = c.catalog
	c.passwords = login.NewPasswords(c.login, c.users, login.PasswordsConfig{Logger: log, Registerer: reg, Open: c.selling})
	c.parts.add("passwords", serving, c.passwords)
	c.reconciler = inventory.NewReconciler(c.places, c.stock, ledgerOf{c.sales, c.stock, s.pool}, claimsOf{cursor},
		inventory.ReconcilerConfig{Logger: log, Registerer: reg})
	c.parts.add("reconciler", serving, c.reconciler)
	places, names := newPlaces(c.places, c.reconciler), newShoppers(c.directory)
	receipts, verdicts := newReceipts(c.sales), newVerdicts(c.sales, reg)
	deps := checkout.Deps{
		Store: c.sales, Catalog: c.catalog, Bus: c.bus, Places: places, Releaser: places, Rebuild: places,
		Log: produce, Cursors: cursor, Settled: cursor.Settled, Shoppers: names, Presses: pressesOf{limits.NewPresses(c.heartbeat.Live), c.limits}, Live: c.heartbeat.Live,
		Lookup: receipts.find, Verdict: verdicts.find, Logger: log, Registerer: reg,
	}
	if c.cfg.DirectPath {
		deps.Direct = direct
	}
	verdictsOf := consumer.Config{Committed: c.outbox.Wake, Alone: func() bool { return c.heartbeat.Live() == 1 }}
	s.traced(&deps, &verdictsOf)
	c.checkout = checkout.New(deps)
	c.parts.add("checkout", serving, c.checkout)
	c.ledger = consumer.New(s.ledger, s.log, c.checkout, verdictsOf)
	c.parts.add("ledger", deciding, c.ledger)
	direct.through(c.ledger)
	cursor.ledger = c.ledger
	c.combiners = map[string]combining{
		"reserve": places.reserve, "names": names.find, "produce": produce.append, "direct": direct.decide, "receipts": receipts.group,
		"verdicts": verdicts.ask,
	}
	observeCombiners(c.combiners, reg)
}

// trace makes what makes spans, if anybody wants them.
func (s *Servers) trace(cfg config.Config, log *slog.Logger, reg prometheus.Registerer) (err error) {
	if s.id = processID(); cfg.Traces != nil {
		s.traces, err = traces.New(traces.Config{To: cfg.Traces, Version: Version(), Process: s.id, Logger: log, Registerer: reg})
	}
	return err
}

// traced puts the spans of a press around what it asks for, and those of its claim around its verdict.
func (s *Servers) traced(deps *checkout.Deps, decides *consumer.Config) {
	if s.traces == nil {
		return
	}
	deps.Places, deps.Log, deps.Waited = s.traces.Places(deps.Places), s.traces.Log(deps.Log), s.traces.Waited
	if deps.Direct != nil {
		deps.Direct = s.traces.Direct(deps.Direct)
	}
	decides.Deciding = s.traces.Deciding
}

// copies are the stores of the replica, which only lists and histories of the desk read. Nothing else is made over its connections.
func (c *wiring) copies(log *slog.Logger, reg prometheus.Registerer) *operator.Copy {
	s := c.servers
	if s.replica == nil {
		return nil
	}
	c.replica = replica.New(replica.Config{
		Primary: func(ctx context.Context) (cluster.Sight, error) { return cluster.Look(ctx, s.pool) },
		Standby: func(ctx context.Context) (cluster.Sight, error) { return cluster.Look(ctx, s.replica) },
		Acted:   c.audit.ActedWithin, Place: config.Place(c.cfg.ReplicaURL), Logger: log, Registerer: reg,
	})
	c.parts.add("replica", serving, c.replica)
	stock := inventory.NewStore(s.replica)
	return &operator.Copy{Read: c.replica.Read, Shown: operator.Shown{
		Orders: orderlist.New(s.replica), Stock: stock, Users: users.NewStore(s.replica), Audit: audit.New(s.replica),
		OrdersOf: ledger.New(s.replica, stockOf{stock}, c.outbox).OrdersSeen,
	}}
}

// sameDatabase refuses a replica that is one of another database. One that does not answer, or is behind, is used once it can be.
func (c *wiring) sameDatabase(ctx context.Context) error {
	if c.replica == nil || c.replica.Begin(ctx) == nil {
		return nil
	}
	return &config.VariableError{Name: "DATABASE_REPLICA_URL", Value: "the address of another database (" + config.Place(c.cfg.ReplicaURL) + ") than DATABASE_URL (" + config.Place(c.cfg.DatabaseURL) + ")",
		Want: "that of a streaming replica of the same server, with the same database name"}
}

// leased reads the sales over the connections of the lease, which no client's request uses. Work that may take longer than the
// renewal of a snapshot does not belong there, for example a change to a sale that another transaction has locked, or a digest.
func (c *wiring) leased() *ledger.Store {
	return ledger.New(c.servers.lease, stockOf{inventory.NewStore(c.servers.lease)}, c.outbox)
}

// combining is a combiner of any kind.
type combining interface {
	Close()
	Waiting() (calls int, oldest time.Duration)
}

// prepare creates what the first shopper of a new deployment needs. It changes nothing in an existing one.
func (c *wiring) prepare(ctx context.Context) error {
	defaults := ledger.Defaults{Stock: c.cfg.MaxStock, StartsAt: c.cfg.StartTime, EndsAt: c.cfg.EndTime}
	if err := c.ensureFirst(ctx, defaults); err != nil {
		return endBeforeStart(err, defaults)
	}
	return c.catalog.Refresh(ctx)
}

// sealFactors brings second factors under the first key, and warns of those whose key is gone.
func (c *wiring) sealFactors(ctx context.Context, log *slog.Logger) error {
	closed, err := c.factors().SealAnew(ctx)
	if closed > 0 {
		log.Warn("second factors are sealed with a key that is not in SESSION_KEYS any more; put it back behind the others, "+
			"or run flashsale admin reset-second-factor for each", "second factors", closed)
	}
	return err
}

// endBeforeStart names the variable when the database refused the times. The start is the database's time when it is not set, so
// only the database knows which comes first.
func endBeforeStart(err error, defaults ledger.Defaults) error {
	var refused *pgconn.PgError
	if defaults.EndsAt.IsZero() || !errors.As(err, &refused) || refused.Code != "23514" {
		return err
	}
	return &config.VariableError{Name: "FLASH_SALE_END_TIME", Value: defaults.EndsAt.Format(time.RFC3339Nano),
		Want: "later than the start of a new sale, which is now when FLASH_SALE_START_TIME is not set"}
}

// ensureFirst makes the accounts and the sale of a first start. The accounts come first: once there is a sale they are not
// checked again, so an interrupted first start must not leave a sale without accounts.
func (c *wiring) ensureFirst(ctx context.Context, defaults ledger.Defaults) error {
	exists, err := c.sales.Any(ctx)
	if err != nil || exists {
		return err
	}
	if _, err := c.users.EnsureSeries(ctx, users.FirstShoppers, nil); err != nil {
		return err
	}
	// gofail: var accountsEnsured struct{}
	if _, err := c.sales.EnsureSale(ctx, defaults); err != nil {
		return err
	}
	// gofail: var saleEnsured struct{}
	return nil
}

func (c *wiring) close() {
	for _, one := range c.combiners {
		one.Close()
	}
}

// receiptsOf finds single live receipts; all requests about the same sale that wait share one query.
type receiptsOf struct {
	group *combine.Group[sale.Key, int64, sale.Receipt]
}

func newReceipts(store *ledger.Store) receiptsOf {
	return receiptsOf{combine.NewGroup(store.LiveReceipts, combine.Options{
		MaxBatch: 500, InFlight: 2, Queue: 5_000, Timeout: receiptTime, MaxWait: maxWait,
	})}
}

func (r receiptsOf) find(ctx context.Context, k sale.Key, user int64) (sale.Receipt, error) {
	found, err := r.group.Do(ctx, k, user)
	return found, saleError(err)
}
