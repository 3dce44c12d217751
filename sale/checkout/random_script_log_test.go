package checkout

import (
	"context"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
)

// The log, as the process reaches it, and the consumer of the process.

func (p *scriptProcess) Append(ctx context.Context, partition int, c events.Claim) (at events.Position, err error) {
	err = p.ask(ctx, kafka, "append", c.UserID, func() { at, _ = p.world.log.Append(ctx, partition, c); p.world.wakeConsumers() })
	return at, err
}

// wakeConsumers tells the consumers that there may be something to read.
func (s *scriptWorld) wakeConsumers() {
	for _, p := range s.all() {
		p.wakeConsumer()
	}
}

func (p *scriptProcess) wakeConsumer() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// consume reads the log from an offset of its own. The ledger refuses an offset that is not its cursor.
func (p *scriptProcess) consume(ctx context.Context) {
	offset := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		}
		if !p.consumes.Load() || p.world.condition(kafka) == refuses {
			continue
		}
		next, err := p.apply(ctx, offset)
		if err != nil {
			next = offset
			p.world.after(20*time.Millisecond, p.wakeConsumer)
		} else if next != offset {
			p.wakeConsumer()
		}
		offset = next
	}
}

// apply decides what the log has from that offset on, and says at which offset to go on.
func (p *scriptProcess) apply(ctx context.Context, offset int) (next int, err error) {
	log := p.world.log
	var batch []events.Claim
	var d events.Decision
	fits := false
	err = p.ask(ctx, postgres, "consume", 0, func() {
		log.mu.Lock()
		defer log.mu.Unlock()
		next = log.cursor
		if fits = offset == log.cursor; !fits || offset >= len(log.claims) {
			return
		}
		batch = append(batch, log.claims[offset:min(len(log.claims), offset+3)]...)
		d = p.decide(events.FromLog, batch...)
		log.cursor, log.movedAt = offset+len(batch), time.Now()
		next = log.cursor
	})
	switch {
	case err != nil || !fits || len(batch) == 0:
		return next, err
	case p.world.loseReply():
		return next, p.reread(ctx, batch)
	}
	p.tellAll(d)
	return next, nil
}

// reread takes in the verdicts of a commit whose reply was lost. The cursor has shown that it was this one's.
func (p *scriptProcess) reread(ctx context.Context, batch []events.Claim) error {
	ids := make([]uuid.UUID, len(batch))
	for i := range batch {
		ids[i] = batch[i].ID
	}
	found, err := p.Verdicts(ctx, ids)
	if err == nil {
		p.tellAll(events.Decision{Verdicts: found})
	}
	return err
}
