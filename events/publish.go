package events

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"
)

// sendMost is how many events go to a partition at once: a broker takes batches of 1 MiB unless it was told otherwise.
const sendMost = 500

// parcel is one event of a row on its way.
type parcel struct {
	row     *row
	message message
}

// publish sends the rows, some events at a time for each partition, and returns the ids of those rows that the log has
// whole. An error means that the log is not there; an event that the log refuses blocks its sale for a while and no other.
func (r *relay) publish(ctx context.Context, rows []row) (done []int64, err error) {
	parcels := make(map[int][]parcel)
	for i := range rows {
		p := rows[i].partition()
		for _, m := range rows[i].cloudEvents(r.outbox.log.source()) {
			parcels[p] = append(parcels[p], parcel{&rows[i], m})
		}
	}
	sent := make(map[int64]int, len(rows))
	for partition, waiting := range parcels {
		for len(waiting) > 0 {
			n := min(len(waiting), sendMost)
			if sendErr := r.send(ctx, partition, waiting[:n], sent); sendErr != nil {
				err = sendErr
				break
			}
			waiting = waiting[n:]
		}
	}
	for i := range rows {
		if sent[rows[i].id] == len(rows[i].events) {
			done = append(done, rows[i].id)
		}
	}
	return done, err
}

// send counts in sent, for each row, the events that the log has.
func (r *relay) send(ctx context.Context, partition int, batch []parcel, sent map[int64]int) error {
	messages := make([]message, 0, len(batch))
	for _, p := range batch {
		if _, blocked := r.blocked[p.row.saleID]; !blocked {
			messages = append(messages, p.message)
		}
	}
	if len(messages) == 0 {
		return nil
	}
	// gofail: var eventsDue struct{}
	_, err := r.outbox.log.produce(ctx, r.outbox.log.EventsTopic(), partition, messages)
	switch {
	case err == nil:
		for _, p := range batch {
			if _, blocked := r.blocked[p.row.saleID]; !blocked {
				sent[p.row.id]++
				r.outbox.log.metrics.published.Inc()
			}
		}
		return nil
	case !refusedRecord(err):
		return err
	case len(batch) > 1:
		return r.sendSingly(ctx, partition, batch, sent)
	}
	refused := batch[0].row
	r.blocked[refused.saleID] = time.Now()
	r.outbox.log.logger.Error("the events topic refuses an event; its sale's events wait",
		"sale", refused.saleID, "event", refused.id, "error", err)
	return nil
}

func (r *relay) sendSingly(ctx context.Context, partition int, batch []parcel, sent map[int64]int) error {
	for i := range batch {
		if err := r.send(ctx, partition, batch[i:i+1], sent); err != nil {
			return err
		}
	}
	return nil
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
