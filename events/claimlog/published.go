package claimlog

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go"

	"flashsale/events"
)

const (
	// typeHeader names the type of a published event.
	typeHeader = "ce_type"
	// emptyFetches is how often records that the topic should have are asked for. A broker that is slow may answer with nothing.
	emptyFetches = 3
)

// EachPublished calls do with the type and the payload of every event that the events topic still has, partition by partition; events
// of one sale come in their order. It reads the whole topic, as it is when it begins, so it is for rare use.
func (l *Log) EachPublished(ctx context.Context, do func(kind string, payload []byte) error) error {
	ranges, err := l.ranges(ctx, l.EventsTopic(), EveryPartition()...)
	if err != nil {
		return err
	}
	for _, partition := range EveryPartition() {
		empty := 0
		for at := ranges[partition].Start; at < ranges[partition].End; {
			next, err := l.published(ctx, partition, at, do)
			if err != nil {
				return err
			}
			if empty++; next > at {
				empty = 0
			}
			if empty == emptyFetches {
				return fmt.Errorf("%w: the events topic gives no records of partition %d from %d on", events.ErrLog, partition, at)
			}
			at = next
		}
	}
	return nil
}

// published reads what one fetch gives, and returns where the next one begins.
func (l *Log) published(ctx context.Context, partition int, from int64, do func(string, []byte) error) (next int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	res, err := l.client.Fetch(ctx, &kafka.FetchRequest{
		Topic: l.EventsTopic(), Partition: partition, Offset: from, MinBytes: 1, MaxBytes: fetchBytes, MaxWait: fetchWait,
	})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		return from, fmt.Errorf("%w: fetch events of partition %d from %d: %w", events.ErrLog, partition, from, err)
	}
	next = from
	for {
		r, err := res.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return next, nil
		}
		if err != nil {
			return from, fmt.Errorf("%w: read events of partition %d from %d: %w", events.ErrLog, partition, from, err)
		}
		payload, err := kafka.ReadAll(r.Value)
		if err != nil {
			return from, fmt.Errorf("%w: read an event of partition %d: %w", events.ErrLog, partition, err)
		}
		if r.Offset < from {
			continue
		}
		if err := do(headerOf(r, typeHeader), payload); err != nil {
			return from, err
		}
		next = r.Offset + 1
	}
}

func headerOf(r *kafka.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}
