package outbox

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"

	"flashsale/events/claimlog"
)

// sendMost is how many events go to a partition at once: a broker takes batches of 1 MiB unless it was told otherwise.
const sendMost = 500

// outgoingEvent is one event of a row, as it is sent.
type outgoingEvent struct {
	row     *row
	index   int // of the event in its row
	message claimlog.Message
}

// publish sends the rows, some events at a time for each partition, and returns the ids of those rows that are done: each of
// their events is in the log or in discarded, which goes into quarantine. An error means that the log cannot be reached.
func (r *relay) publish(ctx context.Context, rows []row) (done []int64, discarded []discard, err error) {
	s := &batchResult{sent: make(map[int64]int, len(rows)), stopped: make(map[int64]error)}
	for partition, waiting := range r.pack(rows, s) {
		for len(waiting) > 0 {
			n := min(len(waiting), sendMost)
			if sendErr := r.send(ctx, partition, waiting[:n], s); sendErr != nil {
				err = sendErr
				break
			}
			waiting = waiting[n:]
		}
	}
	for sale, cause := range s.stopped {
		r.block(sale, cause)
	}
	r.outbox.metrics.waitingSales.Set(float64(len(r.blocked)))
	for i := range rows {
		if s.sent[rows[i].id] == rows[i].count {
			done = append(done, rows[i].id)
		}
	}
	return done, s.ofDoneRows(done), err
}

// send counts the events that the log has. One that it refuses is put aside, or blocks its sale for a while and no other.
func (r *relay) send(ctx context.Context, partition int, batch []outgoingEvent, s *batchResult) error {
	messages := make([]claimlog.Message, 0, len(batch))
	for _, p := range batch {
		if _, blocked := r.blocked[p.row.saleID]; !blocked {
			messages = append(messages, p.message)
		}
	}
	if len(messages) == 0 {
		return nil
	}
	// gofail: var eventsDue struct{}
	_, err := r.outbox.log.Produce(ctx, r.outbox.log.EventsTopic(), partition, messages)
	switch {
	case err == nil:
		for _, p := range batch {
			if _, blocked := r.blocked[p.row.saleID]; !blocked {
				s.sent[p.row.id]++
				r.outbox.metrics.published.Inc()
			}
		}
		return nil
	case !refusedRecord(err):
		return err
	case len(batch) > 1:
		return r.sendSingly(ctx, partition, batch, s)
	}
	r.refused(batch[0], s, err)
	return nil
}

func (r *relay) sendSingly(ctx context.Context, partition int, batch []outgoingEvent, s *batchResult) error {
	for i := range batch {
		if err := r.send(ctx, partition, batch[i:i+1], s); err != nil {
			return err
		}
	}
	return nil
}

// refusedRecord is true when the log refuses this record and takes others.
func refusedRecord(err error) bool {
	return errors.Is(err, kafka.MessageSizeTooLarge) || errors.Is(err, kafka.InvalidRecord) ||
		errors.Is(err, kafka.RecordListTooLarge)
}

// blockedSales also forgets the sales that have waited long enough.
func (r *relay) blockedSales() []int64 {
	sales := make([]int64, 0, len(r.blocked))
	for sale, since := range r.blocked {
		if time.Since(since) > r.outbox.waitFor {
			delete(r.blocked, sale)
			continue
		}
		sales = append(sales, sale)
	}
	return sales
}
