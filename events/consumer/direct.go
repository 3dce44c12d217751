package consumer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
)

// ErrBusy means that too many direct decisions ran for as long as the caller could wait; nothing was tried.
var ErrBusy = errors.New("events: too many direct decisions at once")

// Decide brings claims to their verdict without the log, in a transaction of their own: one verdict a claim, in the same
// order. The verdict of a foreign claim is zero: this process knows another ledger than the one in Postgres. Only so many run at once (Config.DirectMax). A claim that is in the log too, or that the log brings
// later, has one verdict all the same. When Decide fails, a claim may still have been decided.
func (l *Ledger) Decide(ctx context.Context, claims []events.Claim) ([]events.Verdict, error) {
	if len(claims) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.DirectTimeout)
	defer cancel()
	select {
	case l.turns <- struct{}{}:
		defer func() { <-l.turns }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
	verdicts, err := l.decideDirect(ctx, claims)
	switch {
	case err == nil:
		l.undirect.Recovered(events.Sole)
	case !errors.Is(ctx.Err(), context.Canceled): // else the caller has left, and nothing is wrong
		l.undirect.Failed(events.Sole, err, "claims", len(claims))
	}
	return verdicts, err
}

// decideDirect halves a batch that holds a claim which cannot be applied, so that only this one is declined.
func (l *Ledger) decideDirect(ctx context.Context, claims []events.Claim) ([]events.Verdict, error) {
	verdicts, err := l.decideTogether(ctx, claims)
	if err == nil || !permanent(err) {
		return verdicts, err
	}
	if len(claims) == 1 {
		v, err := l.refuseDirect(ctx, claims[0], err)
		return []events.Verdict{v}, err
	}
	half := len(claims) / 2
	first, err := l.decideDirect(ctx, claims[:half])
	if err != nil {
		return nil, err
	}
	second, err := l.decideDirect(ctx, claims[half:])
	return append(first, second...), err
}

// decideTogether tries a second time when nobody knows how the first commit ended. The second transaction waits for
// what is left of the first, finds its verdicts if there are any, and its own commit proves both durable.
func (l *Ledger) decideTogether(ctx context.Context, claims []events.Claim) ([]events.Verdict, error) {
	began, done := time.Now(), l.announced(events.Direct, claims)
	// gofail: var directDue struct{}
	d, err := l.decideOnce(ctx, claims, began)
	if errors.Is(err, events.ErrUnknown) {
		d, err = l.decideOnce(ctx, claims, began)
	}
	done(d, err)
	if err != nil {
		return nil, err
	}
	// gofail: var directCommitted struct{}
	for _, f := range d.Foreign {
		l.foreign.passed([]events.Foreign{f.Why}, "claim", claims[f.Index].ID)
	}
	l.decided(events.Direct, d, began)
	return d.Verdicts, nil
}

// decideOnce is one transaction.
func (l *Ledger) decideOnce(ctx context.Context, claims []events.Claim, began time.Time) (events.Decision, error) {
	t := events.NewTransaction(l.pool, nil)
	defer t.End(ctx)
	decide := l.decider.Prepare(t.Reads, events.Direct, claims)
	tx, err := t.Begin(ctx)
	if err != nil {
		return events.Decision{}, err
	}
	d, err := decideAll(ctx, tx, t.Writes, decide, claims)
	// gofail: var directDecided struct{}
	if err != nil {
		return events.Decision{}, err
	}
	d.Moments = &events.Moments{Begun: began, Decided: time.Now()}
	return d, t.Commit(ctx)
}

// refuseDirect quarantines a claim that came directly and tells its shopper.
func (l *Ledger) refuseDirect(ctx context.Context, claim events.Claim, cause error) (events.Verdict, error) {
	if !l.limitOf(directLimit).Allow(time.Now()) {
		return events.Verdict{}, fmt.Errorf("%w: %w", errTooManyBad, cause)
	}
	raw, err := json.Marshal(claim)
	if err != nil {
		return events.Verdict{}, fmt.Errorf("quarantine claim %s: %w", claim.ID, err)
	}
	var d events.Decision
	began := time.Now()
	err = events.Transact(ctx, l.pool, func(tx pgx.Tx) (err error) {
		q := events.Quarantined{LogID: l.log.ID(), ClaimID: &claim.ID, Raw: raw, Cause: cause}
		if err = q.InsertTx(ctx, tx); err == nil {
			d, err = l.declineTx(ctx, tx, claim)
		}
		return err
	})
	if err != nil {
		return events.Verdict{}, fmt.Errorf("quarantine claim %s: %w", claim.ID, err)
	}
	l.metrics.quarantined.Inc()
	l.logger.Error("a claim cannot be applied; quarantined", "claim", claim.ID, "error", cause)
	if len(d.Verdicts) == 0 {
		return events.Verdict{}, fmt.Errorf("claim %s cannot be applied nor declined: %w", claim.ID, cause)
	}
	l.decided(events.Direct, d, began)
	return d.Verdicts[0], nil
}
