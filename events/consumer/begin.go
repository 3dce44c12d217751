package consumer

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/events"
	"flashsale/events/claimlog"
)

// Begin gives a ledger that has never read any log its place in this one: the end of each partition. What is before it was
// written for a ledger of an earlier life, and leftOut says how many records that are. It must come before the first press. A
// ledger that has a cursor, of whichever log, is left as it is; so several processes may begin at once. lock is taken in the
// transaction before anything is looked at, so that nobody changes the schema meanwhile.
func Begin(ctx context.Context, pool *pgxpool.Pool, log *claimlog.Log, lock func(context.Context, pgx.Tx) error) (leftOut int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, beginTime)
	defer cancel()
	if begun, err := hasCursor(ctx, pool); err != nil || begun {
		return 0, err
	}
	err = events.Transact(ctx, pool, func(tx pgx.Tx) error {
		if err := lock(ctx, tx); err != nil {
			return err
		}
		if begun, err := hasCursor(ctx, tx); err != nil || begun {
			return err
		}
		leftOut, err = beginAtEnd(ctx, tx, log)
		return err
	})
	// gofail: var cursorCreated struct{}
	return leftOut, err
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func hasCursor(ctx context.Context, db querier) (has bool, err error) {
	if err := db.QueryRow(ctx, sqlAnyCursor).Scan(&has); err != nil {
		return false, fmt.Errorf("look for a cursor: %w", err)
	}
	return has, nil
}

// beginAtEnd writes the cursors of all partitions. Their fingerprints tell later whether the log is still this one.
func beginAtEnd(ctx context.Context, tx pgx.Tx, log *claimlog.Log) (leftOut int64, err error) {
	ranges, err := log.Ranges(ctx, claimlog.EveryPartition()...)
	if err != nil {
		return 0, err
	}
	b := &pgx.Batch{}
	for partition, r := range ranges {
		var fingerprint []byte
		if r.End > r.Start {
			records, err := log.Fetch(ctx, partition, r.End-1)
			if err != nil {
				return 0, err
			}
			if len(records) > 0 && records[0].Offset == r.End-1 {
				fingerprint = records[0].Fingerprint()
			}
		}
		leftOut += r.End - r.Start
		b.Queue(sqlFirstCursor, log.ID(), partition, r.End, fingerprint)
	}
	// gofail: var cursorDue struct{}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return 0, fmt.Errorf("create the first cursors: %w", err)
	}
	return leftOut, nil
}
