package inventory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ledger says who owns what.
type ledger interface {
	// Current lists the current generation of every sale.
	Current(ctx context.Context) ([]Key, error)
	// Owners reads the users with a live order, the total and the stock's version in one consistent read.
	Owners(ctx context.Context, key Key) (users []int64, limit, version int64, err error)
}

// claims says how far the log of a sale's claims reaches and how far it is decided.
type claims interface {
	// End is the offset the next claim will get.
	End(ctx context.Context, sale int64) (int64, error)
	// Cursor is the offset of the next claim to be decided; equal to End when all are.
	Cursor(ctx context.Context, sale int64) (int64, error)
}

// ReconcilerConfig tunes a Reconciler. A zero field means its default.
type ReconcilerConfig struct {
	// Every is how often the holders are looked at; one second by default.
	Every time.Duration
	// Settle is how far apart the two reads are that remove a holder without a verdict; 2 s by default.
	Settle time.Duration
	// Refresh is how often sets are compared member by member although their sizes agree; 2 s by
	// default, less often when comparing takes long.
	Refresh time.Duration
	// Logger gets corrections and alarms; slog's default when nil.
	Logger *slog.Logger
	// Registerer takes the metrics; nil registers none.
	Registerer prometheus.Registerer
}

func (c ReconcilerConfig) withDefaults() ReconcilerConfig {
	if c.Every <= 0 {
		c.Every = time.Second
	}
	if c.Settle <= 0 {
		c.Settle = 2 * time.Second
	}
	if c.Refresh <= 0 {
		c.Refresh = 2 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

// nowWithin bounds one run of Now. No caller's context ends it.
const nowWithin = 30 * time.Second

// Reconciler makes the holders in Redis equal to the owners in the ledger plus the claims under way. It is
// level-triggered: it compares what is, not what happened, so it does not matter what it missed. Several processes may
// run one each; every correction is guarded by a version or harmless when repeated. Safe for concurrent use.
type Reconciler struct {
	places  *Places
	store   *Store
	ledger  ledger
	claims  claims
	config  ReconcilerConfig
	metrics reconcilerMetrics

	mu       sync.Mutex
	sales    map[Key]*reconciliation
	running  map[Key]*run
	next     map[Key]*run // begins when the run of its key has ended
	troubled bool
}

// NewReconciler compares places with the stock in store and the owners in ledger; claims shows which holders may still
// get a verdict.
func NewReconciler(
	places *Places, store *Store, ledger ledger, claims claims, config ReconcilerConfig,
) *Reconciler {
	return &Reconciler{
		places: places, store: store, ledger: ledger, claims: claims, config: config.withDefaults(),
		metrics: newReconcilerMetrics(config.Registerer),
		sales:   map[Key]*reconciliation{}, running: map[Key]*run{}, next: map[Key]*run{},
	}
}

// Run reconciles every sale once a second until ctx ends, and then returns nil. Failures are logged when they begin
// and when they end, and never stop it.
func (r *Reconciler) Run(ctx context.Context) error {
	ticker := time.NewTicker(r.config.Every)
	defer ticker.Stop()
	for {
		err := r.tick(ctx)
		if ctx.Err() != nil {
			return nil
		}
		r.report(err)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// report logs a failure once, not every second.
func (r *Reconciler) report(err error) {
	r.mu.Lock()
	before := r.troubled
	r.troubled = err != nil
	r.mu.Unlock()
	switch {
	case err != nil && !before:
		r.config.Logger.Warn("holders cannot be reconciled", "error", err)
	case err == nil && before:
		r.config.Logger.Info("holders are reconciled again")
	}
}

// tick reads every current generation once.
func (r *Reconciler) tick(ctx context.Context) error {
	r.places.revive()
	keys, err := r.ledger.Current(ctx)
	if err != nil {
		return fmt.Errorf("list current generations: %w", err)
	}
	errs := []error{r.retireOthers(ctx, keys)}
	// The holders are read before the stock. A stored version above the stock's then means that the ledger went back,
	// and not that this read was slow.
	reads := make([]holdersRead, len(keys))
	for i, key := range keys {
		reads[i] = r.readHolders(ctx, key)
	}
	levels, err := r.store.Levels(ctx, keys)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, l := range reads {
		if err := r.settle(ctx, l, levels); err != nil {
			errs = append(errs, fmt.Errorf("sale %d generation %d: %w", l.key.Sale, l.key.Generation, err))
		}
	}
	return errors.Join(errs...)
}

// holdersRead is what Redis said about a sale at the beginning of a pass.
type holdersRead struct {
	key     Key
	holders Holders
	err     error
}

func (r *Reconciler) readHolders(ctx context.Context, key Key) holdersRead {
	h, err := r.places.Count(ctx, key)
	return holdersRead{key: key, holders: h, err: err}
}

// settle finds the sale's level and reconciles it, unless another goroutine is doing that already.
func (r *Reconciler) settle(ctx context.Context, l holdersRead, levels []Level) error {
	i := slices.IndexFunc(levels, func(level Level) bool { return level.Key() == l.key })
	if i < 0 {
		return ErrUnknown
	}
	rec := r.sale(l.key)
	select {
	case rec.busy <- struct{}{}:
	default:
		return nil
	}
	defer func() { <-rec.busy }()
	r.observe(l, levels[i])
	return rec.pass(ctx, l, levels[i])
}

func (r *Reconciler) observe(l holdersRead, level Level) {
	sale := strconv.FormatInt(l.key.Sale, 10)
	r.metrics.owners.WithLabelValues(sale).Set(float64(level.Taken))
	if l.err == nil {
		r.metrics.holders.WithLabelValues(sale).Set(float64(l.holders.Count))
	}
}

func (r *Reconciler) sale(key Key) *reconciliation {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec, ok := r.sales[key]
	if !ok {
		rec = newReconciliation(r, key)
		r.sales[key] = rec
	}
	return rec
}

// retireOthers lets the keys of generations that are no longer current expire. When a process first sees a new
// generation, it also retires the one before, in case nobody did that at the change.
func (r *Reconciler) retireOthers(ctx context.Context, current []Key) error {
	r.mu.Lock()
	var old []Key
	for key := range r.sales {
		if !slices.Contains(current, key) {
			old = append(old, key)
		}
	}
	for _, key := range current {
		before := Key{Sale: key.Sale, Generation: key.Generation - 1}
		if _, seen := r.sales[key]; !seen && before.Generation > 0 && !slices.Contains(old, before) {
			old = append(old, before)
		}
	}
	r.mu.Unlock()
	var errs []error
	for _, key := range old {
		if err := r.places.Retire(ctx, key); err != nil {
			errs = append(errs, err)
			continue
		}
		r.mu.Lock()
		delete(r.sales, key)
		r.mu.Unlock()
		r.dropMetrics(key, current)
	}
	return errors.Join(errs...)
}

func (r *Reconciler) dropMetrics(key Key, current []Key) {
	if slices.ContainsFunc(current, func(c Key) bool { return c.Sale == key.Sale }) {
		return
	}
	sale := strconv.FormatInt(key.Sale, 10)
	r.metrics.holders.DeleteLabelValues(sale)
	r.metrics.owners.DeleteLabelValues(sale)
}
