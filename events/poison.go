package events

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// errPoisoned means that more claims could not be applied than may be put aside without a person looking.
var errPoisoned = errors.New("events: too many claims cannot be applied")

// quarantine puts one record aside and moves the cursor past it; a claim that could be read is declined, so that its
// shopper hears.
func (f *follower) quarantine(ctx context.Context, r record, cause error) error {
	if !f.ledger.poisonOf(f.partition).Allow(time.Now()) {
		return fmt.Errorf("%w: record %d: %w", errPoisoned, r.offset, cause)
	}
	// gofail: var quarantineDue struct{}
	err := f.advance(ctx, batch{records: []record{r}, cause: cause})
	if err == nil {
		f.ledger.log.metrics.quarantined.Inc()
		f.ledger.log.logger.Error("a record cannot be applied; quarantined", "partition", f.partition,
			"offset", r.offset, "claim", r.claim.ID, "error", cause)
	}
	return err
}

func (f *follower) putAside(ctx context.Context, tx pgx.Tx, r record, cause error) (Decision, error) {
	q := Quarantined{LogID: f.ledger.log.id, Epoch: &f.place.epoch, Partition: &f.partition, Offset: &r.offset,
		ClaimID: claimIDOf(r), Key: r.key, Raw: r.value, Cause: cause}
	if err := q.InsertTx(ctx, tx); err != nil {
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
