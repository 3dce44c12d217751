package events

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"
)

// publish sends the rows, a batch for each partition, and returns the ids of those that the log has. An error means
// that the log is not there; a row that the log refuses blocks its sale for a while and no other.
func (r *relay) publish(ctx context.Context, rows []row) (done []int64, err error) {
	batches := make(map[int][]row)
	for _, m := range rows {
		p := m.partition()
		batches[p] = append(batches[p], m)
	}
	for partition, batch := range batches {
		ids, sendErr := r.send(ctx, partition, batch)
		done = append(done, ids...)
		if sendErr != nil {
			err = sendErr
		}
	}
	return done, err
}

func (r *relay) send(ctx context.Context, partition int, batch []row) ([]int64, error) {
	messages := make([]message, len(batch))
	ids := make([]int64, len(batch))
	for i, m := range batch {
		messages[i], ids[i] = m.cloudEvent(r.outbox.log.source()), m.id
	}
	// gofail: var eventsDue struct{}
	_, err := r.outbox.log.produce(ctx, r.outbox.log.EventsTopic(), partition, messages)
	if err == nil {
		return ids, nil
	}
	if !refusedRecord(err) {
		return nil, err
	}
	if len(batch) > 1 {
		return r.sendSingly(ctx, partition, batch)
	}
	r.blocked[batch[0].saleID] = time.Now()
	r.outbox.log.logger.Error("the events topic refuses an event; its sale's events wait",
		"sale", batch[0].saleID, "event", batch[0].id, "error", err)
	return nil, nil
}

func (r *relay) sendSingly(ctx context.Context, partition int, batch []row) ([]int64, error) {
	var done []int64
	for _, m := range batch {
		if _, blocked := r.blocked[m.saleID]; blocked {
			continue
		}
		ids, err := r.send(ctx, partition, []row{m})
		done = append(done, ids...)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// refusedRecord is true when the log would take another record instead.
func refusedRecord(err error) bool {
	return errors.Is(err, kafka.MessageSizeTooLarge) || errors.Is(err, kafka.InvalidRecord) ||
		errors.Is(err, kafka.RecordListTooLarge)
}

// blockedSales also forgets the sales that have waited long enough.
func (r *relay) blockedSales() []int64 {
	sales := make([]int64, 0, len(r.blocked))
	for sale, since := range r.blocked {
		if time.Since(since) > blockedFor {
			delete(r.blocked, sale)
			continue
		}
		sales = append(sales, sale)
	}
	return sales
}
