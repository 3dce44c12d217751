package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/events/claimlog"
)

// errTooManyBad means that more claims cannot be applied than may go into quarantine before a person looks at them.
var errTooManyBad = errors.New("events: too many claims cannot be applied")

// quarantine puts one claim that cannot be applied into quarantine and moves the cursor past it. The claim is declined, so that its
// shopper gets an answer.
func (f *follower) quarantine(ctx context.Context, r claimlog.Record, cause error) error {
	if !f.ledger.limitOf(f.partition).Allow(time.Now()) {
		return fmt.Errorf("%w: record %d: %w", errTooManyBad, r.Offset, cause)
	}
	err := f.advance(ctx, &batch{records: []claimlog.Record{r}, cause: cause})
	if err == nil {
		f.ledger.metrics.quarantined.Inc()
		f.ledger.logger.Error("a record cannot be applied; quarantined", "partition", f.partition,
			"offset", r.Offset, "claim", r.Claim.ID, "error", cause)
	}
	return err
}

// putAside writes the record into the quarantine, in the transaction.
func (f *follower) putAside(ctx context.Context, tx pgx.Tx, r claimlog.Record, cause error) (events.Decision, error) {
	q := events.Quarantined{LogID: f.ledger.log.ID(), Epoch: &f.offset.epoch, Partition: &f.partition, Offset: &r.Offset,
		ClaimID: claimIDOf(&r.Claim), Key: r.Key, Raw: r.Value, Cause: cause}
	if err := q.InsertTx(ctx, tx); err != nil {
		return events.Decision{}, fmt.Errorf("quarantine record %d: %w", r.Offset, err)
	}
	return f.ledger.declineTx(ctx, tx, r.Claim)
}

// declineTx declines a claim within a savepoint. If even that violates a constraint, the claim stays without a verdict.
func (l *Ledger) declineTx(ctx context.Context, tx pgx.Tx, claim events.Claim) (events.Decision, error) {
	if claim.Kind != events.KindClaim {
		return events.Decision{}, nil
	}
	var v events.Verdict
	err := pgx.BeginFunc(ctx, tx, func(inner pgx.Tx) (err error) {
		v, err = l.decider.DeclineTx(ctx, inner, claim, events.ReasonUndecidable)
		return err
	})
	if permanent(err) {
		return events.Decision{}, nil
	}
	if err != nil {
		return events.Decision{}, fmt.Errorf("decline claim %s: %w", claim.ID, err)
	}
	return events.Decision{Verdicts: []events.Verdict{v}}, nil
}

// claimIDOf is nil, and so NULL in the table, for a close record without an id.
func claimIDOf(c *events.Claim) *uuid.UUID {
	if c.ID == uuid.Nil {
		return nil
	}
	return &c.ID
}
