package claimlog

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/segmentio/kafka-go"

	"flashsale/events"
)

const (
	// findBefore is how much earlier than its press a claim is looked for: the clocks of the database and of the processes may differ.
	findBefore = 2 * time.Second
	// findRecords and findTime bound a search.
	findRecords = 20_000
	findTime    = 2 * time.Second
)

// Find looks for the record of a claim that a shopper pressed at that time, and returns its offset. It reads the records from a little
// before that time on, and some thousands at most. false: it is not among them, because it was decided without the log, or is not
// in the log any more.
func (l *Log) Find(ctx context.Context, partition int, claim uuid.UUID, pressed time.Time) (offset int64, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	at, err := l.offsetAt(ctx, partition, pressed.Add(-findBefore))
	if err != nil || at < 0 {
		return 0, false, err
	}
	_, end, err := l.Range(ctx, partition)
	if err != nil {
		return 0, false, err
	}
	for last := min(end, at+findRecords); at < last; {
		records, err := l.Fetch(ctx, partition, at)
		if err != nil || len(records) == 0 {
			return 0, false, err
		}
		for i := range records {
			if r := &records[i]; r.Undecodable == nil && r.Claim.Kind == events.KindClaim && r.Claim.ID == claim {
				return r.Offset, true, nil
			}
		}
		at = records[len(records)-1].Offset + 1
	}
	return 0, false, nil
}

// offsetAt is the offset of the first record that was written at that time or later, or -1.
func (l *Log) offsetAt(ctx context.Context, partition int, t time.Time) (int64, error) {
	res, err := l.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{l.ClaimsTopic(): {kafka.TimeOffsetOf(partition, t)}},
	})
	if err != nil {
		return 0, fmt.Errorf("%w: find the records of a time: %w", events.ErrLog, err)
	}
	for _, p := range res.Topics[l.ClaimsTopic()] {
		if p.Error != nil {
			return 0, fmt.Errorf("%w: find the records of a time: %w", events.ErrLog, p.Error)
		}
		for offset := range p.Offsets {
			return offset, nil
		}
	}
	return -1, nil
}
