package events

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const sqlQuarantine = `INSERT INTO quarantine
	(log_id, epoch, partition, record_offset, claim_id, record_key, raw, error, sqlstate)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`

// Foreign records of the log are those without an SQLSTATE: what the ledger cannot apply has one, and an event that cannot be
// published has no offset. The lock makes counting and inserting one step.
const (
	sqlQuarantineLock   = `SELECT pg_advisory_xact_lock(hashtext('flashsale foreign records of ' || current_schema()))`
	sqlQuarantineSample = `INSERT INTO quarantine
	(log_id, epoch, partition, record_offset, claim_id, record_key, raw, error)
	SELECT $1::text, $2::bigint, $3::integer, $4::bigint, $5::uuid, $6::bytea, $7::bytea, $8::text WHERE (SELECT count(*) FROM
		(SELECT at FROM quarantine WHERE record_offset IS NOT NULL AND sqlstate = '' ORDER BY id DESC LIMIT $9::integer) AS latest
		WHERE at > now() - interval '1 hour') < $9
	ON CONFLICT DO NOTHING`
)

// SamplesAnHour is how many foreign records of the log are stored within an hour, by all processes together. What is stored of
// one has sampleBytes at most.
const (
	SamplesAnHour = 100
	sampleBytes   = 16 << 10
)

// Quarantined is a row of the quarantine: a record that was not applied or not published, so that the rest can go on. A
// person looks at it. The same record is stored once.
type Quarantined struct {
	// LogID is the identity of the log that has the record, or that did not take it.
	LogID string
	// Epoch, Partition and Offset say where the record is; nil where it is in no log.
	Epoch     *int64
	Partition *int
	Offset    *int64
	// ClaimID is nil for what is not a claim.
	ClaimID *uuid.UUID
	// Key and Raw are the record, byte for byte.
	Key, Raw []byte
	// Cause is why it was put aside.
	Cause error
}

func (q *Quarantined) args() []any {
	return []any{q.LogID, q.Epoch, q.Partition, q.Offset, q.ClaimID, q.Key, q.Raw, printable(q.Cause.Error()), SQLState(q.Cause)}
}

// Queue stores it with the other statements of a batch.
func (q *Quarantined) Queue(batch *pgx.Batch) { batch.Queue(sqlQuarantine, q.args()...) }

// QueueSample stores a foreign record with the other statements of a batch, unless there are SamplesAnHour already. Key and Raw
// are cut where they are long.
func (q *Quarantined) QueueSample(batch *pgx.Batch) {
	batch.Queue(sqlQuarantineLock)
	batch.Queue(sqlQuarantineSample, q.LogID, q.Epoch, q.Partition, q.Offset, q.ClaimID, cut(q.Key), cut(q.Raw),
		printable(string(cut([]byte(q.Cause.Error())))), SamplesAnHour)
}

func cut(b []byte) []byte { return b[:min(len(b), sampleBytes)] }

// InsertTx stores it in a transaction.
func (q *Quarantined) InsertTx(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, sqlQuarantine, q.args()...)
	return err
}

// printable makes a message fit for a text column, whatever bytes the record put into it.
func printable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", "?")
}

// QuarantineLimit bounds how many records are stored within a sliding window. Many records at once are not bad records
// but a bad program or schema, and then it is better to wait than to put everything into quarantine. Safe for
// concurrent use.
type QuarantineLimit struct {
	max    int
	window time.Duration

	mu    sync.Mutex
	times []time.Time
}

// NewQuarantineLimit allows most within the window.
func NewQuarantineLimit(most int, window time.Duration) *QuarantineLimit {
	return &QuarantineLimit{max: most, window: window}
}

// Allow counts one more and is true, or is false when there were too many.
func (l *QuarantineLimit) Allow(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.times) > 0 && now.Sub(l.times[0]) >= l.window {
		l.times = l.times[1:]
	}
	if len(l.times) >= l.max {
		return false
	}
	l.times = append(l.times, now)
	return true
}
