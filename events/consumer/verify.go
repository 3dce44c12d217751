package consumer

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/events/claimlog"
)

const (
	// verifyBatch is how many claims are looked up at once.
	verifyBatch = 1000
	// verifyTries is how often records that the log should have are asked for, before they are reported as unread.
	verifyTries = 3
)

// Finding is what Verify found in one partition.
type Finding struct {
	Partition int
	// Start and End are the log's range, Cursor is where the ledger is.
	Start, End, Cursor int64
	// Read is how far the log was read, from Start on; Claims is how many claims before the cursor were looked at.
	Read, Claims int64
	// Missing are claims before the cursor without a verdict and not in quarantine.
	Missing []uuid.UUID
	// Unreadable are offsets before the cursor that cannot be decoded and are not in quarantine.
	Unreadable []int64
	// Unread says why not everything before the cursor was looked at; nil when all of it was.
	Unread error
}

// Broken is true when the cursor is past the log's end, or something that was looked at is not accounted for.
func (f Finding) Broken() bool {
	return f.Cursor > f.End || len(f.Missing) > 0 || len(f.Unreadable) > 0
}

func (f Finding) String() string {
	text := fmt.Sprintf("partition %d: cursor %d, log %d to %d, read to %d, %d claims, %d without a verdict, %d unreadable and not in quarantine",
		f.Partition, f.Cursor, f.Start, f.End, f.Read, f.Claims, len(f.Missing), len(f.Unreadable))
	if f.Unread != nil {
		text += ", " + f.Unread.Error()
	}
	return text
}

// Verify reads the claims log from its beginning to the cursor, partition by partition, and asks check which of its
// claims have no verdict. There is one finding a partition; one that could not be read to its cursor says so. Verify may run
// beside a working ledger; it reads the whole log, so it is not for every minute.
func (l *Ledger) Verify(ctx context.Context, check func(context.Context, []events.Claim) (missing []uuid.UUID, err error)) []Finding {
	findings := make([]Finding, events.Partitions)
	for partition := range findings {
		f, err := l.verifyPartition(ctx, partition, check)
		if err != nil {
			f.Unread = fmt.Errorf("not read from %d on: %w", f.Read, err)
		}
		findings[partition] = f
	}
	return findings
}

func (l *Ledger) verifyPartition(ctx context.Context, partition int, check func(context.Context, []events.Claim) ([]uuid.UUID, error)) (Finding, error) {
	f := Finding{Partition: partition}
	p, _, known, err := l.cursor(ctx, partition)
	if err != nil {
		return f, err
	}
	if err := l.verifyRange(ctx, &f, p.next, known); err != nil {
		return f, err
	}
	for f.Read < min(f.Cursor, f.End) {
		records, err := l.verifyFetch(ctx, f)
		if err != nil {
			return f, err
		}
		if err := l.verifyRecords(ctx, &f, p.epoch, records, check); err != nil {
			return f, err
		}
		f.Read = records[len(records)-1].Offset + 1
	}
	if f.Cursor < f.Start {
		return f, fmt.Errorf("records %d to %d expired before the ledger read them", f.Cursor, f.Start-1)
	}
	return f, nil
}

// verifyRange finds where the log begins and ends. A broker that has just become leader may not know yet how far its log goes:
// only a cursor that stays past the end is past it.
func (l *Ledger) verifyRange(ctx context.Context, f *Finding, cursor int64, known bool) (err error) {
	for look := 1; ; look++ {
		if f.Start, f.End, err = l.log.Range(ctx, f.Partition); err != nil {
			return err
		}
		f.Cursor, f.Read = cursor, f.Start
		if !known {
			f.Cursor = f.Start
		}
		if f.Cursor <= f.End || look >= l.cfg.Looks {
			return nil
		}
		if err := events.Pause(ctx, l.cfg.LookEvery); err != nil {
			return err
		}
	}
}

// verifyFetch returns what follows in the log. A broker that is slow may answer with nothing; that is not the log's end.
func (l *Ledger) verifyFetch(ctx context.Context, f Finding) ([]claimlog.Record, error) {
	for range verifyTries {
		records, err := l.log.Fetch(ctx, f.Partition, f.Read)
		if err != nil || len(records) > 0 {
			return records, err
		}
	}
	return nil, fmt.Errorf("%w: it gives no records between %d and %d", events.ErrLog, f.Read, min(f.Cursor, f.End)-1)
}

func (l *Ledger) verifyRecords(ctx context.Context, f *Finding, epoch int64, records []claimlog.Record, check func(context.Context, []events.Claim) ([]uuid.UUID, error)) error {
	var claims []events.Claim
	var unreadable []int64
	for _, r := range records {
		switch {
		case r.Offset >= f.Cursor:
		case r.Undecodable != nil:
			unreadable = append(unreadable, r.Offset)
		case r.Claim.Kind == events.KindClaim:
			claims = append(claims, r.Claim)
		}
	}
	f.Claims += int64(len(claims))
	left, err := l.notQuarantined(ctx, f.Partition, epoch, unreadable)
	f.Unreadable = append(f.Unreadable, left...)
	for len(claims) > 0 && err == nil {
		n := min(verifyBatch, len(claims))
		var missing []uuid.UUID
		if missing, err = check(ctx, claims[:n]); err == nil {
			missing, err = l.withoutQuarantine(ctx, missing)
		}
		f.Missing = append(f.Missing, missing...)
		claims = claims[n:]
	}
	return err
}

// withoutQuarantine leaves out the claims that are in quarantine.
func (l *Ledger) withoutQuarantine(ctx context.Context, ids []uuid.UUID) ([]uuid.UUID, error) {
	return subtract(ctx, l, ids, sqlQuarantinedClaims, ids)
}

func (l *Ledger) notQuarantined(ctx context.Context, partition int, epoch int64, offsets []int64) ([]int64, error) {
	return subtract(ctx, l, offsets, sqlQuarantinedOffsets, l.log.ID(), epoch, partition, offsets)
}

func subtract[T comparable](ctx context.Context, l *Ledger, from []T, query string, args ...any) ([]T, error) {
	if len(from) == 0 {
		return nil, nil
	}
	rows, err := l.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read quarantine: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		return nil, errors.Join(errors.New("read quarantine"), err)
	}
	known := make(map[T]bool, len(found))
	for _, v := range found {
		known[v] = true
	}
	var left []T
	for _, v := range from {
		if !known[v] {
			left = append(left, v)
		}
	}
	return left, nil
}
