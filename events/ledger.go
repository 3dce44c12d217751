package events

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// directMax is how many direct transactions may run at once when the configuration does not say.
const directMax = 4

// decider gives the verdicts; package sale implements it.
type decider interface {
	// Prepare queues what deciding the claims has to lock and to read, and returns what decides them.
	Prepare(reads *pgx.Batch, src Source, claims []Claim) Decide
	// DeclineTx declines a claim that cannot be decided. A claim that has its verdict keeps it.
	DeclineTx(ctx context.Context, tx pgx.Tx, claim Claim, reason Reason) (Verdict, error)
	// Decided is called after the commit; it must be quick. When a commit's reply was lost, Verdicts holds only what
	// was read again and Stocks is empty.
	Decided(d Decision)
	// Verdicts reads the verdicts of those claims that have one.
	Verdicts(ctx context.Context, ids []uuid.UUID) ([]Verdict, error)
}

// LedgerConfig tunes a Ledger; the zero value is the production setting.
type LedgerConfig struct {
	// Committed, when set, is called after every commit; give it Outbox.Wake. It must not block.
	Committed func()
	// BatchMax is the most claims in one transaction (1000); Timeout bounds a transaction (5 s).
	BatchMax int
	Timeout  time.Duration
	// DirectMax is how many direct transactions may run at once (4); DirectTimeout bounds one, with the wait for its
	// turn (2 s).
	DirectMax     int
	DirectTimeout time.Duration
	// PoisonMax is how many claims a partition may quarantine within PoisonWindow (10 within a minute) before it stops
	// for as long.
	PoisonMax    int
	PoisonWindow time.Duration
	// Looks is how often, LookEvery apart, a cursor must be found not to fit the log before it is believed (4, 500 ms).
	Looks     int
	LookEvery time.Duration
	// StallAfter is how long a partition may lag without moving before the group is joined anew (15 s).
	StallAfter time.Duration
}

func (c LedgerConfig) withDefaults() LedgerConfig {
	c.BatchMax = orInt(c.BatchMax, 1000)
	c.Timeout = orDuration(c.Timeout, transactionTime)
	c.DirectMax = orInt(c.DirectMax, directMax)
	c.DirectTimeout = orDuration(c.DirectTimeout, directTime)
	c.PoisonMax = orInt(c.PoisonMax, 10)
	c.PoisonWindow = orDuration(c.PoisonWindow, time.Minute)
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
	cfg     LedgerConfig
	pool    *pgxpool.Pool
	log     *Log
	decider decider
	turns   chan struct{}

	mu     sync.Mutex
	poison map[int]*QuarantineLimit // by partition; directPoison is that of the direct path
	owned  map[int]bool             // partitions that this process follows; false while stopped by an alarm

	interrupted, undecided, unjoined *Outage
}

// directPoison stands for the direct path among the partitions.
const directPoison = -1

// NewLedger returns a ledger on a pool prepared with [LedgerPool].
func NewLedger(pool *pgxpool.Pool, log *Log, d decider, cfg LedgerConfig) *Ledger {
	cfg = cfg.withDefaults()
	if pool.Config().ConnConfig.OnNotice == nil {
		log.logger.Warn("the ledger's pool does not watch for warnings; prepare it with events.LedgerPool")
	}
	return &Ledger{
		cfg:         cfg,
		pool:        pool,
		log:         log,
		decider:     d,
		turns:       make(chan struct{}, cfg.DirectMax),
		poison:      make(map[int]*QuarantineLimit),
		owned:       make(map[int]bool),
		interrupted: NewOutage(log.logger, "following the claims log was interrupted", "the claims log is followed again"),
		undecided:   NewOutage(log.logger, "a batch of claims is not decided yet", "claims of the log are decided again"),
		unjoined:    NewOutage(log.logger, "the consumer group is joined anew", "the consumer group is joined"),
	}
}

// decideAll decides claims in a transaction that has read what they need, and checks that each has its verdict.
func decideAll(ctx context.Context, tx pgx.Tx, writes *pgx.Batch, decide Decide, claims []Claim) (Decision, error) {
	d, err := decide(ctx, tx, writes)
	if err != nil {
		return Decision{}, fmt.Errorf("decide %d claims: %w", len(claims), err)
	}
	if len(d.Verdicts) != len(claims) {
		return Decision{}, fmt.Errorf("decide %d claims: got %d verdicts", len(claims), len(d.Verdicts))
	}
	return d, nil
}

// decided tells everybody about a commit.
func (l *Ledger) decided(src Source, d Decision, began time.Time) {
	l.log.metrics.commit.Observe(time.Since(began).Seconds())
	l.log.metrics.batch.Observe(float64(len(d.Verdicts)))
	l.log.metrics.count(src, d.Verdicts)
	l.decider.Decided(d)
	l.cfg.Committed()
}

func (l *Ledger) poisonOf(partition int) *QuarantineLimit {
	l.mu.Lock()
	defer l.mu.Unlock()
	limit := l.poison[partition]
	if limit == nil {
		limit = NewQuarantineLimit(l.cfg.PoisonMax, l.cfg.PoisonWindow)
		l.poison[partition] = limit
	}
	return limit
}
