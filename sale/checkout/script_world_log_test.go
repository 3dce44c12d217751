package checkout

import (
	"context"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
)

// The log.

func (b *scriptProcess) Append(ctx context.Context, partition int, c events.Claim) (at events.Position, err error) {
	err = b.ask(ctx, kafka, "append", c.UserID, func() { at, _ = b.world.log.Append(ctx, partition, c); b.world.rouse() })
	return at, err
}

// rouse tells the consumers that there may be something to read.
func (s *scriptWorld) rouse() {
	for _, b := range s.all() {
		b.rouse()
	}
}

func (b *scriptProcess) rouse() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// consume reads the log from a place of its own. A place that is not the ledger's cursor is refused, and nothing happens.
func (b *scriptProcess) consume(ctx context.Context) {
	seat := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		}
		if !b.consumes.Load() || b.world.condition(kafka) == refuses {
			continue
		}
		next, err := b.apply(ctx, seat)
		if err != nil {
			next = seat
			b.world.after(20*time.Millisecond, b.rouse)
		} else if next != seat {
			b.rouse()
		}
		seat = next
	}
}

// apply decides what the log has from that place on, and says where to go on.
func (b *scriptProcess) apply(ctx context.Context, seat int) (next int, err error) {
	log := b.world.log
	var batch []events.Claim
	var d events.Decision
	fits := false
	err = b.ask(ctx, postgres, "consume", 0, func() {
		log.mu.Lock()
		defer log.mu.Unlock()
		next = log.cursor
		if fits = seat == log.cursor; !fits || seat >= len(log.claims) {
			return
		}
		batch = append(batch, log.claims[seat:min(len(log.claims), seat+3)]...)
		d = b.rule(events.FromLog, batch...)
		log.cursor, log.movedAt = seat+len(batch), time.Now()
		next = log.cursor
	})
	switch {
	case err != nil || !fits || len(batch) == 0:
		return next, err
	case b.world.loseReply():
		return next, b.reread(ctx, batch)
	}
	b.decided(d)
	return next, nil
}

// reread takes in the verdicts of a commit whose reply was lost. The cursor has shown that it was this one's.
func (b *scriptProcess) reread(ctx context.Context, batch []events.Claim) error {
	ids := make([]uuid.UUID, len(batch))
	for i := range batch {
		ids[i] = batch[i].ID
	}
	found, err := b.Verdicts(ctx, ids)
	if err == nil {
		b.decided(events.Decision{Verdicts: found})
	}
	return err
}
