package consumer

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/events/claimlog"
)

// Whoever may write to the topic can write records that are none of the ledger's: what is no claim, and claims that no process of
// this deployment has made. Such a record is passed over together with the batch that it is in. It gets no verdict, and it never
// counts towards the limit that stops a partition, however many there are. It is counted, a few an hour go into quarantine for a
// person to look at, and an alarm says so.

// alarmEvery is the shortest time between two alarms about foreign records.
const alarmEvery = time.Minute

// foreignRecord is a record that is passed over.
type foreignRecord struct {
	*claimlog.Record
	why   events.Foreign
	cause error
}

// foreignIn lists the foreign records of a batch that was decided: those that cannot be read, and those that the decision names.
func foreignIn(b *batch, d events.Decision) []foreignRecord {
	if len(b.claims) == len(b.records) && len(d.Foreign) == 0 {
		return nil
	}
	var all []foreignRecord
	of := make([]*claimlog.Record, 0, len(b.claims)) // the records of the claims
	for i := range b.records {
		r := &b.records[i]
		if r.Undecodable != nil {
			all = append(all, foreignRecord{r, events.ForeignUnreadable, r.Undecodable})
			continue
		}
		of = append(of, r)
	}
	for _, f := range d.Foreign {
		all = append(all, foreignRecord{of[f.Index], f.Why, fmt.Errorf("foreign record: %s", f.Why)})
	}
	return all
}

// sample queues the rows of the quarantine for some of a batch's foreign records. Records of another ledger are not looked at one
// by one: they are all of its life.
func (f *follower) sample(writes *pgx.Batch, b *batch) {
	for _, r := range b.foreign {
		// gofail: var quarantineDue struct{}
		if r.why == events.ForeignLedger || !f.ledger.foreign.samples(b, r.Offset) {
			continue
		}
		// Without the claim's id: a copy of a claim must not look as if that claim were in quarantine.
		q := events.Quarantined{LogID: f.ledger.log.ID(), Epoch: &f.offset.epoch, Partition: &f.partition, Offset: &r.Offset,
			Key: r.Key, Raw: r.Value, Cause: r.cause}
		q.QueueSample(writes)
		// gofail: var recordQuarantined struct{}
	}
}

// foreignWatch bounds what a process does about foreign records. Safe for concurrent use.
type foreignWatch struct {
	metrics *metrics
	logger  *slog.Logger
	// kept is asked before the quarantine is, which counts the rows of all processes.
	kept *events.QuarantineLimit

	mu sync.Mutex
	// strange and other count the records that no line of the log has told of yet: those that are an alarm, and those of another
	// ledger.
	strange, other untold
}

type untold struct {
	records int
	told    time.Time
}

func newForeignWatch(m *metrics, logger *slog.Logger) *foreignWatch {
	for _, why := range events.ForeignReasons() {
		m.foreign.WithLabelValues(string(why)) // so that the first of them is an increase
	}
	return &foreignWatch{metrics: m, logger: logger, kept: events.NewQuarantineLimit(events.SamplesAnHour, time.Hour)}
}

// samples is true when a record of the batch is to go into quarantine. A batch that is tried again asks once for each record.
func (w *foreignWatch) samples(b *batch, offset int64) bool {
	chosen, asked := b.sampled[offset]
	if !asked {
		if b.sampled == nil {
			b.sampled = make(map[int64]bool)
		}
		chosen = w.kept.Allow(time.Now())
		b.sampled[offset] = chosen
	}
	return chosen
}

// passed counts foreign records that were passed over together, and tells of them: at once the first time, then in one line each
// alarmEvery at most. where says where the first of them is.
func (w *foreignWatch) passed(why []events.Foreign, where ...any) {
	strange, other := 0, 0
	for _, one := range why {
		w.metrics.foreign.WithLabelValues(string(one)).Inc()
		if one == events.ForeignLedger {
			other++
		} else {
			strange++
		}
	}
	if n := w.due(&w.other, other); n > 0 {
		w.logger.Warn("claims of another ledger are passed over", append(where, "records", n)...)
	}
	if n := w.due(&w.strange, strange); n > 0 {
		w.logger.Error("ALARM: records that no process of this deployment wrote for this ledger are passed over; see who may write to the claims topic",
			append(where, "records", n)...)
	}
}

// due is how many records a line is to tell of; 0 while it is too early for one.
func (w *foreignWatch) due(u *untold, more int) (records int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u.records += more
	now := time.Now()
	if u.records == 0 || !u.told.IsZero() && now.Sub(u.told) < alarmEvery {
		return 0
	}
	records, u.records, u.told = u.records, 0, now
	return records
}

// reasons are those of the records.
func reasons(records []foreignRecord) []events.Foreign {
	why := make([]events.Foreign, len(records))
	for i := range records {
		why[i] = records[i].why
	}
	return why
}

// withVerdict leaves out what has none: close records and foreign claims.
func withVerdict(verdicts []events.Verdict) []events.Verdict {
	return slices.DeleteFunc(verdicts, func(v events.Verdict) bool { return v.ClaimID == uuid.Nil })
}
