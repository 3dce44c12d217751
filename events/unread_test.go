package events

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/segmentio/kafka-go"
)

// endTransaction writes a control record: one that takes an offset and that no reader is given.
func endTransaction(w *world, partition int) {
	w.Helper()
	ctx, client, id, topic := w.Context(), w.log.client, uuid.NewString(), w.log.ClaimsTopic()
	begun, err := client.InitProducerID(ctx, &kafka.InitProducerIDRequest{TransactionalID: id, TransactionTimeoutMs: 10_000, ProducerID: -1, ProducerEpoch: -1})
	if err == nil {
		err = begun.Error
	}
	if err != nil {
		w.Fatal(err)
	}
	added, err := client.AddPartitionsToTxn(ctx, &kafka.AddPartitionsToTxnRequest{TransactionalID: id, ProducerID: begun.Producer.ProducerID,
		ProducerEpoch: begun.Producer.ProducerEpoch, Topics: map[string][]kafka.AddPartitionToTxn{topic: {{Partition: partition}}}})
	if err != nil {
		w.Fatal(err)
	}
	if err := added.Topics[topic][0].Error; err != nil {
		w.Fatal(err)
	}
	ended, err := client.EndTxn(ctx, &kafka.EndTxnRequest{TransactionalID: id, ProducerID: begun.Producer.ProducerID,
		ProducerEpoch: begun.Producer.ProducerEpoch, Committed: true})
	if err == nil {
		err = ended.Error
	}
	if err != nil {
		w.Fatal(err)
	}
	w.eventually("the control record is in the log", func() bool { _, end, err := w.log.Range(ctx, partition); return err == nil && end == 4 })
}

func TestATailThatCannotBeFetchedIsUnread(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(LedgerConfig{})
	w.append(0, newClaims(3)...)
	w.follow(l, 0)
	w.reaches(l, 0, 3)
	endTransaction(w, 0)
	if f := l.Audit(t.Context(), w.shop.missing)[0]; !f.OK() || f.Read != 3 || f.Claims != 3 {
		t.Errorf("what the ledger has read is all readable: %s", f)
	}
	if _, err := w.pool.Exec(t.Context(), `UPDATE log_cursors SET next_offset = 4 WHERE partition = 0`); err != nil {
		t.Fatal(err)
	}
	f := l.Audit(t.Context(), w.shop.missing)[0]
	if f.OK() || f.Broken() || !errors.Is(f.Unread, ErrLog) || f.Read != 3 || f.Claims != 3 {
		t.Errorf("record 3 was not read: %s", f)
	}
}

func TestAnAuditThatIsCutShortSaysOfEachPartitionHowFarItGot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(LedgerConfig{})
	lost := newClaim(4)
	for partition := range 2 {
		w.append(partition, newClaims(3)...)
		w.append(partition, lost)
		w.follow(l, partition)
		w.reaches(l, partition, 4)
	}
	ctx, cancel := context.WithCancel(t.Context())
	partition := 0
	findings := l.Audit(ctx, func(_ context.Context, claims []Claim) ([]uuid.UUID, error) {
		if partition++; partition == 2 {
			cancel()
		}
		return []uuid.UUID{claims[3].ID}, nil
	})
	if len(findings) != Partitions {
		t.Fatalf("%d findings", len(findings))
	}
	for _, f := range findings {
		if f.OK() || f.Partition > 0 && !errors.Is(f.Unread, context.Canceled) {
			t.Errorf("this was not read: %s", f)
		}
		if f.Broken() != (f.Partition == 0) {
			t.Errorf("only what was read can be broken: %s", f)
		}
	}
}

func TestRecordsThatExpiredBeforeTheLedgerReadThemAreUnread(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(LedgerConfig{})
	w.append(0, newClaims(4)...)
	w.follow(l, 0)()
	if _, err := w.pool.Exec(t.Context(), `INSERT INTO log_cursors (log_id, partition, next_offset) VALUES ($1, 0, 2)
		ON CONFLICT (log_id, partition) DO UPDATE SET next_offset = 2`, w.log.id); err != nil {
		t.Fatal(err)
	}
	deleteRecords(w, 0, 3)
	f := l.Audit(t.Context(), w.shop.missing)[0]
	if f.OK() || f.Broken() || f.Unread == nil || f.Start != 3 {
		t.Errorf("record 2 was not read: %s", f)
	}
}
