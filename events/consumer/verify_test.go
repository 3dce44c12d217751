package consumer

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/segmentio/kafka-go"

	"flashsale/events"
	"flashsale/events/eventstest"
)

// sound is true when everything before the cursor was read and nothing is broken.
func sound(f Finding) bool { return !f.Broken() && f.Unread == nil }

// endTransaction writes a control record, the fourth: it takes an offset, and no reader gets it.
func endTransaction(w *world, partition int) {
	w.Helper()
	ctx, client, id, topic := w.Context(), w.client(), uuid.NewString(), w.log.ClaimsTopic()
	// A broker that has just begun to coordinate transactions, or is ending one, answers that the client should ask
	// again.
	step := func(what string, try func() error) {
		w.Helper()
		var err error
		w.Eventually(what, func() bool {
			var code kafka.Error
			err = try()
			return !errors.As(err, &code) || !slices.Contains([]kafka.Error{kafka.NotCoordinatorForGroup,
				kafka.GroupCoordinatorNotAvailable, kafka.GroupLoadInProgress, kafka.ConcurrentTransactions}, code)
		})
		if err != nil {
			w.Fatalf("%s: %v", what, err)
		}
	}
	var producer kafka.ProducerSession
	step("a transaction's producer", func() error {
		begun, err := client.InitProducerID(ctx, &kafka.InitProducerIDRequest{TransactionalID: id, TransactionTimeoutMs: 10_000,
			ProducerID: -1, ProducerEpoch: -1})
		if err != nil {
			return err
		}
		producer = *begun.Producer
		return begun.Error
	})
	step("a transaction", func() error {
		added, err := client.AddPartitionsToTxn(ctx, &kafka.AddPartitionsToTxnRequest{TransactionalID: id, ProducerID: producer.ProducerID,
			ProducerEpoch: producer.ProducerEpoch, Topics: map[string][]kafka.AddPartitionToTxn{topic: {{Partition: partition}}}})
		if err != nil {
			return err
		}
		return added.Topics[topic][0].Error
	})
	step("a transaction's end", func() error {
		ended, err := client.EndTxn(ctx, &kafka.EndTxnRequest{TransactionalID: id, ProducerID: producer.ProducerID,
			ProducerEpoch: producer.ProducerEpoch, Committed: true})
		if err != nil {
			return err
		}
		return ended.Error
	})
	w.Eventually("the control record is in the log", func() bool { _, end, err := w.log.Range(ctx, partition); return err == nil && end == 4 })
}

func TestRecordsThatCannotBeFetchedAreUnread(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{})
	w.append(0, eventstest.NewClaims(3)...)
	w.follow(l, 0)
	w.reaches(l, 0, 3)
	endTransaction(w, 0)
	if f := l.Verify(t.Context(), w.unaccounted)[0]; !sound(f) || f.Read != 3 || f.Claims != 3 {
		t.Errorf("what the ledger has read is all readable: %s", f)
	}
	if _, err := w.Pool.Exec(t.Context(), `UPDATE log_cursors SET next_offset = 4 WHERE partition = 0`); err != nil {
		t.Fatal(err)
	}
	f := l.Verify(t.Context(), w.unaccounted)[0]
	if sound(f) || f.Broken() || !errors.Is(f.Unread, events.ErrLog) || f.Read != 3 || f.Claims != 3 {
		t.Errorf("record 3 was not read: %s", f)
	}
}

func TestAVerifyThatIsInterruptedReportsHowFarEachPartitionWasRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := w.ledger(Config{})
	lost := eventstest.NewClaim(4)
	for partition := range 2 {
		w.append(partition, eventstest.NewClaims(3)...)
		w.append(partition, lost)
		w.follow(l, partition)
		w.reaches(l, partition, 4)
	}
	ctx, cancel := context.WithCancel(t.Context())
	partition := 0
	findings := l.Verify(ctx, func(_ context.Context, claims []events.Claim) (Unaccounted, error) {
		if partition++; partition == 2 {
			cancel()
		}
		return Unaccounted{Missing: []uuid.UUID{claims[3].ID}}, nil
	})
	if len(findings) != events.Partitions {
		t.Fatalf("%d findings", len(findings))
	}
	for _, f := range findings {
		if sound(f) || f.Partition > 0 && !errors.Is(f.Unread, context.Canceled) {
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
	l := w.ledger(Config{})
	w.append(0, eventstest.NewClaims(4)...)
	w.follow(l, 0)()
	if _, err := w.Pool.Exec(t.Context(), `INSERT INTO log_cursors (log_id, partition, next_offset) VALUES ($1, 0, 2)
		ON CONFLICT (log_id, partition) DO UPDATE SET next_offset = 2`, w.log.ID()); err != nil {
		t.Fatal(err)
	}
	deleteRecords(w, 0, 3)
	f := l.Verify(t.Context(), w.unaccounted)[0]
	if sound(f) || f.Broken() || f.Unread == nil || f.Start != 3 {
		t.Errorf("record 2 was not read: %s", f)
	}
}
