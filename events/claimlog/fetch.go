package claimlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"

	"flashsale/events"
)

const (
	// fetchWait is how long the broker waits before it answers that there is nothing; a record that arrives is not
	// delayed.
	fetchWait = 250 * time.Millisecond
	// fetchTimeout is how long a call waits for a broker's answer.
	fetchTimeout = 3 * time.Second
	fetchBytes   = 1 << 20
)

// Range returns the offset of the first record a partition of the claims log still has, and the one the next record
// will get.
func (l *Log) Range(ctx context.Context, partition int) (start, end int64, err error) {
	ranges, err := l.ranges(ctx, l.ClaimsTopic(), partition)
	if err != nil {
		return 0, 0, err
	}
	r := ranges[partition]
	return r.Start, r.End, nil
}

// Span is from the first record that a partition still has to where the next one will be.
type Span struct{ Start, End int64 }

// Ranges is Range of several partitions with one request.
func (l *Log) Ranges(ctx context.Context, partitions ...int) (map[int]Span, error) {
	return l.ranges(ctx, l.ClaimsTopic(), partitions...)
}

// EveryPartition lists the partitions that the topics were made with.
func EveryPartition() []int {
	all := make([]int, events.Partitions)
	for i := range all {
		all[i] = i
	}
	return all
}

// ranges asks the leaders of several partitions of a topic with one request.
func (l *Log) ranges(ctx context.Context, topic string, partitions ...int) (map[int]Span, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	var asked []kafka.OffsetRequest
	for _, p := range partitions {
		asked = append(asked, kafka.FirstOffsetOf(p), kafka.LastOffsetOf(p))
	}
	res, err := l.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: asked},
	})
	if err != nil {
		l.RefreshFor(err)
		return nil, fmt.Errorf("%w: list offsets: %w", events.ErrLog, err)
	}
	found := make(map[int]Span, len(partitions))
	for _, p := range res.Topics[topic] {
		if p.Error != nil {
			l.RefreshFor(p.Error)
			return nil, fmt.Errorf("%w: offsets of %s/%d: %w", events.ErrLog, topic, p.Partition, p.Error)
		}
		found[p.Partition] = Span{Start: p.FirstOffset, End: p.LastOffset}
	}
	for _, p := range partitions {
		if s, ok := found[p]; !ok || s.Start < 0 || s.End < s.Start {
			return nil, fmt.Errorf("%w: no offsets of %s/%d", events.ErrLog, topic, p)
		}
	}
	return found, nil
}

// Fetch reads what the claims log has from offset on: at least one record, or none after a short wait at its end.
func (l *Log) Fetch(ctx context.Context, partition int, offset int64) ([]Record, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	res, err := l.client.Fetch(ctx, &kafka.FetchRequest{
		Topic:     l.ClaimsTopic(),
		Partition: partition,
		Offset:    offset,
		MinBytes:  1,
		MaxBytes:  fetchBytes,
		MaxWait:   fetchWait,
	})
	if err == nil {
		err = res.Error
	}
	if err != nil {
		return nil, fmt.Errorf("%w: fetch partition %d from %d: %w", events.ErrLog, partition, offset, err)
	}
	records, err := readRecords(res.Records, offset)
	if err != nil {
		return nil, fmt.Errorf("%w: read partition %d from %d: %w", events.ErrLog, partition, offset, err)
	}
	return records, nil
}

// readRecords skips the records before from: a broker answers with whole batches.
func readRecords(reader kafka.RecordReader, from int64) ([]Record, error) {
	var records []Record
	var memory arena
	for {
		r, err := reader.ReadRecord()
		if errors.Is(err, io.EOF) {
			return records, nil
		}
		if err != nil {
			return nil, err
		}
		key, value, err := memory.bodies(r)
		if err != nil {
			return nil, err
		}
		if r.Offset >= from {
			records = append(records, newRecord(r.Offset, key, value))
		}
	}
}

// arenaBytes bounds the memory that stays in use because of one kept record.
const arenaBytes = 64 << 10

// arena is the memory for the keys and values of one fetch. It is never used again: a record needs its part until it is decided
// or put into quarantine.
type arena struct {
	free []byte
	size int
}

func (a *arena) bodies(r *kafka.Record) (key, value []byte, err error) {
	if r.Key != nil {
		defer r.Key.Close()
	}
	if r.Value != nil {
		defer r.Value.Close()
	}
	a.makeRoom(length(r.Key) + length(r.Value))
	key, keyErr := a.read(r.Key)
	value, valueErr := a.read(r.Value)
	return key, value, errors.Join(keyErr, valueErr)
}

// makeRoom doubles the room each time: a fetch of one record takes no more than it needs, and a long one takes few
// pieces.
func (a *arena) makeRoom(n int) {
	if a.free != nil && n <= len(a.free) {
		return
	}
	a.size = max(n, min(2*a.size, arenaBytes))
	a.free = make([]byte, a.size)
}

// read tells a body that is missing, nil, from an empty one.
func (a *arena) read(body kafka.Bytes) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	n := body.Len()
	read := a.free[:n:n]
	a.free = a.free[n:]
	_, err := io.ReadFull(body, read)
	return read, err
}

func length(body kafka.Bytes) int {
	if body == nil {
		return 0
	}
	return body.Len()
}
