package events

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// errPoisoned means that more claims could not be applied than may be put aside without a person looking.
var errPoisoned = errors.New("events: too many claims cannot be applied")

// poisonLimit counts quarantined claims over a sliding window: many at once are not bad claims but a bad program or
// schema, and then waiting beats declining everybody. Safe for concurrent use.
type poisonLimit struct {
	mu     sync.Mutex
	max    int
	window time.Duration
	times  []time.Time
}

func (p *poisonLimit) allow(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.times) > 0 && now.Sub(p.times[0]) >= p.window {
		p.times = p.times[1:]
	}
	if len(p.times) >= p.max {
		return false
	}
	p.times = append(p.times, now)
	return true
}

// quarantine puts one record aside and moves the cursor past it; a claim that could be read is declined, so that its
// shopper hears.
func (f *follower) quarantine(ctx context.Context, r record, cause error) error {
	if !f.ledger.poisonOf(f.partition).allow(time.Now()) {
		return fmt.Errorf("%w: record %d: %w", errPoisoned, r.offset, cause)
	}
	// gofail: var quarantineDue struct{}
	err := f.settle(ctx, []record{r}, func(*pgx.Batch) Ruling {
		return func(ctx context.Context, tx pgx.Tx, _ *pgx.Batch) (Decision, error) {
			return f.putAside(ctx, tx, r, cause)
		}
	})
	if err == nil {
		f.ledger.log.metrics.quarantined.Inc()
		f.ledger.log.logger.Error("a record cannot be applied; quarantined", "partition", f.partition,
			"offset", r.offset, "claim", r.claim.ID, "error", cause)
	}
	return err
}

func (f *follower) putAside(ctx context.Context, tx pgx.Tx, r record, cause error) (Decision, error) {
	if _, err := tx.Exec(ctx, sqlQuarantine, f.ledger.log.id, f.place.epoch, f.partition, r.offset,
		claimIDOf(r), r.key, r.value, printable(cause.Error()), sqlState(cause)); err != nil {
		return Decision{}, fmt.Errorf("quarantine record %d: %w", r.offset, err)
	}
	// gofail: var recordQuarantined struct{}
	if r.undecodable != nil {
		return Decision{}, nil //nolint:nilerr // it is the reason for being here, and there is nobody to tell
	}
	return f.ledger.declineTx(ctx, tx, r.claim)
}

// declineTx declines a claim within a savepoint: if even that violates something, the claim goes without a verdict.
func (l *Ledger) declineTx(ctx context.Context, tx pgx.Tx, claim Claim) (Decision, error) {
	if claim.Kind != KindClaim {
		return Decision{}, nil
	}
	var v Verdict
	err := pgx.BeginFunc(ctx, tx, func(inner pgx.Tx) (err error) {
		v, err = l.decider.DeclineTx(ctx, inner, claim, ReasonUndecidable)
		return err
	})
	if permanent(err) {
		return Decision{}, nil
	}
	if err != nil {
		return Decision{}, fmt.Errorf("decline claim %s: %w", claim.ID, err)
	}
	return Decision{Verdicts: []Verdict{v}}, nil
}

// claimIDOf is NULL for what is not a claim.
func claimIDOf(r record) *uuid.UUID {
	if r.undecodable != nil || r.claim.ID == uuid.Nil {
		return nil
	}
	return &r.claim.ID
}

// printable makes a message fit for a text column, whatever bytes the record put into it.
func printable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", "?")
}
