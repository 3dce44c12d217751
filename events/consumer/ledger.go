package consumer

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/events"
	"flashsale/events/claimlog"
)

// directMax is how many direct transactions may run at once when the configuration does not say.
const directMax = 4

// decider gives the verdicts; package sale implements it.
type decider interface {
	// Prepare queues what has to be locked and read to decide the claims, and returns the function that decides them.
	Prepare(reads *pgx.Batch, src events.Source, claims []events.Claim) events.Decide
	// DeclineTx declines a claim that cannot be decided. A claim that has its verdict keeps it.
	DeclineTx(ctx context.Context, tx pgx.Tx, claim events.Claim, reason events.Reason) (events.Verdict, error)
	// Decided is called after the commit; it must be quick. When a commit's reply was lost, Verdicts holds only what
	// was read again and Stocks is empty.
	Decided(d events.Decision)
	// Verdicts reads the verdicts of those claims that have one.
	Verdicts(ctx context.Context, ids []uuid.UUID) ([]events.Verdict, error)
}

// Config tunes a Ledger; the zero value is the production setting.
type Config struct {
	// Committed, when set, is called after every commit, such as Outbox.Wake. It must not block.
	Committed func()
	// Deciding, when set, is told of the claims of each transaction before it begins, and what it returns, if anything, of what was
	// decided. Both must be quick, and neither keeps or changes the claims.
	Deciding func(src events.Source, claims []events.Claim) (done func(events.Decision, error))
	// Alone, when set, is true while no other process is known to write claims. See [claimlog.ReaderConfig].
	Alone func() bool
	// BatchMax is the most claims in one transaction (1000); Timeout bounds a transaction (5 s).
	BatchMax int
	Timeout  time.Duration
	// DirectMax is how many direct transactions may run at once (4); DirectTimeout bounds one, with the wait for its
	// turn (2 s).
	DirectMax     int
	DirectTimeout time.Duration
	// QuarantineMax is how many claims that cannot be applied a partition may quarantine within QuarantineWindow (10 within a minute) before it stops
	// for as long.
	QuarantineMax    int
	QuarantineWindow time.Duration
	// Looks is how often, LookEvery apart, a cursor must be found not to fit the log before reading begins anew (4, 500 ms).
	Looks     int
	LookEvery time.Duration
	// StallAfter is how long a partition may lag without moving before the group is joined anew (15 s).
	StallAfter time.Duration
}

func (c Config) withDefaults() Config {
	c.BatchMax = orInt(c.BatchMax, 1000)
	c.Timeout = orDuration(c.Timeout, transactionTime)
	c.DirectMax = orInt(c.DirectMax, directMax)
	c.DirectTimeout = orDuration(c.DirectTimeout, directTime)
	c.QuarantineMax = orInt(c.QuarantineMax, 10)
	c.QuarantineWindow = orDuration(c.QuarantineWindow, time.Minute)
	c.Looks = orInt(c.Looks, 4)
	c.LookEvery = orDuration(c.LookEvery, 500*time.Millisecond)
	c.StallAfter = orDuration(c.StallAfter, stallAfter)
	if c.Committed == nil {
		c.Committed = func() {}
	}
	return c
}

func orInt(v, otherwise int) int {
	if v > 0 {
		return v
	}
	return otherwise
}

func orDuration(v, otherwise time.Duration) time.Duration {
	if v > 0 {
		return v
	}
	return otherwise
}

// Ledger brings claims to their verdict: those of the claims log, in order and once each (Run), and those that come
// directly because the log does not answer (Decide). Safe for concurrent use.
type Ledger struct {
	cfg     Config
	pool    *pgxpool.Pool
	log     *claimlog.Log
	decider decider
	logger  *slog.Logger
	metrics *metrics
	turns   chan struct{}

	mu     sync.Mutex
	limits map[int]*events.QuarantineLimit // by partition; directLimit is that of the direct path
	owned  map[int]bool                    // partitions that this process follows; false while stopped by an alarm
	// deciding are the batches of followers that are not decided yet, by partition.
	deciding map[int]deciding

	foreign                                    *foreignWatch
	interrupted, undecided, undirect, unjoined *events.Outage
}

// directLimit stands for the direct path among the partitions.
const directLimit = -1

// New returns a ledger on a pool that [PreparePool] has prepared.
func New(pool *pgxpool.Pool, log *claimlog.Log, d decider, cfg Config) *Ledger {
	cfg, logger := cfg.withDefaults(), log.Logger()
	if pool.Config().ConnConfig.OnNotice == nil {
		logger.Warn("the ledger's pool does not watch for warnings; prepare it with consumer.PreparePool")
	}
	counted := newLedgerMetrics(log.Registerer())
	return &Ledger{
		cfg:         cfg,
		pool:        pool,
		log:         log,
		decider:     d,
		logger:      logger,
		metrics:     counted,
		foreign:     newForeignWatch(counted, logger),
		turns:       make(chan struct{}, cfg.DirectMax),
		limits:      make(map[int]*events.QuarantineLimit),
		owned:       make(map[int]bool),
		deciding:    make(map[int]deciding),
		interrupted: events.NewOutage(logger, "following the claims log was interrupted", "the claims log is followed again"),
		undecided:   events.NewOutage(logger, "a batch of claims is not decided yet", "claims of the log are decided again"),
		undirect:    events.NewOutage(logger, "claims cannot be decided directly", "claims are decided directly again"),
		unjoined:    events.NewOutage(logger, "the consumer group is joined anew", "the consumer group is joined"),
	}
}

// Trouble is why claims could not be decided a moment ago, or nil: those of the log, or those that came directly.
func (l *Ledger) Trouble() error {
	if err := l.undecided.Failing(); err != nil {
		return err
	}
	return l.undirect.Failing()
}

// decideAll decides claims in a transaction that has read what they need, and checks that each has its verdict.
func decideAll(ctx context.Context, tx pgx.Tx, writes *pgx.Batch, decide events.Decide, claims []events.Claim) (events.Decision, error) {
	d, err := decide(ctx, tx, writes)
	if err != nil {
		return events.Decision{}, fmt.Errorf("decide %d claims: %w", len(claims), err)
	}
	if len(d.Verdicts) != len(claims) {
		return events.Decision{}, fmt.Errorf("decide %d claims: got %d verdicts", len(claims), len(d.Verdicts))
	}
	return d, nil
}

// announced tells Config.Deciding of the claims of a transaction.
func (l *Ledger) announced(src events.Source, claims []events.Claim) (done func(events.Decision, error)) {
	if l.cfg.Deciding != nil {
		done = l.cfg.Deciding(src, claims)
	}
	if done == nil {
		return func(events.Decision, error) {}
	}
	return done
}

// decided counts a commit and tells the decider, then Config.Committed.
func (l *Ledger) decided(src events.Source, d events.Decision, began time.Time) {
	now := time.Now()
	if d.Moments != nil {
		d.Moments.Committed = now
	}
	l.metrics.commit.Observe(now.Sub(began).Seconds())
	l.metrics.batch.Observe(float64(len(d.Verdicts)))
	l.metrics.count(src, d.Verdicts)
	l.decider.Decided(d)
	l.cfg.Committed()
}

func (l *Ledger) limitOf(partition int) *events.QuarantineLimit {
	l.mu.Lock()
	defer l.mu.Unlock()
	limit := l.limits[partition]
	if limit == nil {
		limit = events.NewQuarantineLimit(l.cfg.QuarantineMax, l.cfg.QuarantineWindow)
		l.limits[partition] = limit
	}
	return limit
}
