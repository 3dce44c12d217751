package outbox

import (
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
)

// One event that cannot be published must not stop all others. The relay tells three kinds apart:
//
//   - What no program can publish (a bundle that cannot be decoded, an event that the log refuses because of its content) is put into
//     quarantine by the transaction that marks its row, and the sale's events go on without it.
//   - A bundle of a newer version waits, and all that follows of its sale with it, for a program that can read it. The relay is
//     offered to such a program at once and every waitFor.
//   - Everything else (no broker, no leader, no Postgres) is tried again.
//
// Many of the first kind within a minute are not bad events but a bad program or topic: then they wait like the second.
const (
	discardMax    = 10
	discardWindow = time.Minute
)

// discard is what goes into quarantine instead of to the log: a whole row, or one event of it.
type discard struct {
	row *row
	// events is how many are lost to the readers of the topic.
	events int
	raw    []byte
	cause  error
}

// queue writes d into the table of quarantine. It has no offset, and the log it names is the topic that it was meant for.
func (d discard) queue(writes *pgx.Batch, logID string) {
	partition := d.row.partition()
	q := events.Quarantined{LogID: logID, Partition: &partition, Key: d.row.key(), Raw: d.raw, Cause: d.cause}
	q.Queue(writes)
}

// batchResult says what became of the rows of one batch.
type batchResult struct {
	// sent counts, for each row, the events that the log has or never will have.
	sent map[int64]int
	// discarded go into quarantine if their row is done.
	discarded []discard
	// stopped are the sales one of whose rows must wait, and why. What comes before the row is still published.
	stopped map[int64]error
}

// pack sorts what can be published of the rows by partition, and decides on the rows that cannot be read.
func (r *relay) pack(rows []row, s *batchResult) map[int][]outgoingEvent {
	outgoing := make(map[int][]outgoingEvent)
	for i := range rows {
		m := &rows[i]
		if s.stopped[m.saleID] != nil {
			continue
		}
		if m.unreadable != nil {
			r.putAside(m, s)
			continue
		}
		p := m.partition()
		for place, event := range m.cloudEvents(r.outbox.log.EventsSource()) {
			outgoing[p] = append(outgoing[p], outgoingEvent{m, place, event})
		}
	}
	return outgoing
}

// putAside says what becomes of a row that cannot be read.
func (r *relay) putAside(m *row, s *batchResult) {
	cause := fmt.Errorf("row %d of the outbox: %w", m.id, m.unreadable)
	if errors.Is(m.unreadable, errNewerBundle) {
		r.outdated = true
		s.stopped[m.saleID] = cause
		return
	}
	if !r.discard(s, discard{row: m, events: m.count, raw: m.raw, cause: cause}) {
		s.stopped[m.saleID] = cause
	}
}

// refused says what becomes of an event that the log does not take.
func (r *relay) refused(p outgoingEvent, s *batchResult, err error) {
	e := p.row.events[p.index]
	cause := fmt.Errorf("row %d of the outbox, event %d, %s about %s: %w", p.row.id, p.index, e.kind, e.subject, err)
	if !r.discard(s, discard{row: p.row, events: 1, raw: e.data, cause: cause}) {
		r.block(p.row.saleID, cause)
	}
}

// discard is false when too much was put aside lately.
func (r *relay) discard(s *batchResult, d discard) bool {
	if !r.outbox.limit.Allow(time.Now()) {
		return false
	}
	s.sent[d.row.id] += d.events
	s.discarded = append(s.discarded, d)
	return true
}

// block makes a sale's events wait, and raises the alarm, once for all sales that begin to wait at about the same time.
func (r *relay) block(sale int64, cause error) {
	now := time.Now()
	r.blocked[sale] = now
	if now.Sub(r.alarmed) < r.outbox.waitFor {
		return
	}
	r.alarmed = now
	r.outbox.logger.Error("ALARM: events cannot be published; those of their sale wait", "sale", sale, "sales", len(r.blocked), "error", cause)
}

// ofDoneRows are the discards whose row is done. A row that is tried again finds its discards again.
func (s *batchResult) ofDoneRows(done []int64) []discard {
	whole := make(map[int64]bool, len(done))
	for _, id := range done {
		whole[id] = true
	}
	var kept []discard
	for _, d := range s.discarded {
		if whole[d.row.id] {
			kept = append(kept, d)
		}
	}
	return kept
}

// report counts and logs what is in quarantine now. The limit of quarantine bounds the lines, too.
func (r *relay) report(discarded []discard) {
	for _, d := range discarded {
		r.outbox.metrics.discarded.Add(float64(d.events))
		r.outbox.logger.Error("ALARM: an event cannot be published; quarantined", "sale", d.row.saleID, "events", d.events, "error", d.cause)
	}
}

// offersRelay is true when it is time to offer the relay to a program that may read what this one cannot.
func (r *relay) offersRelay() bool {
	o := r.outbox
	if !r.outdated || time.Since(o.offeredAt) < o.waitFor {
		return false
	}
	o.offeredAt = time.Now()
	o.logger.Info("a newer program may relay the outbox now; it holds events of a newer version")
	return true
}
