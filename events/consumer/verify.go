package consumer

import (
	"context"
	"fmt"
	"slices"

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
	// Foreign counts the records before the cursor that are none of the ledger's: no verdict is missing there.
	Foreign map[events.Foreign]int64
	// Unread says why not everything before the cursor was looked at; nil when all of it was.
	Unread error
}

// Broken is true when the cursor is past the log's end, or something that was looked at is not accounted for.
func (f Finding) Broken() bool {
	return f.Cursor > f.End || len(f.Missing) > 0
}

func (f Finding) String() string {
	text := fmt.Sprintf("partition %d: cursor %d, log %d to %d, read to %d, %d claims, %d without a verdict",
		f.Partition, f.Cursor, f.Start, f.End, f.Read, f.Claims, len(f.Missing))
	if f.Unread != nil {
		text += ", " + f.Unread.Error()
	}
	return text
}

// Unaccounted is what a look into the ledger tells of claims: those without a verdict, and how many are foreign.
type Unaccounted struct {
	Missing []uuid.UUID
	Foreign map[events.Foreign]int64
}

// check looks claims up in the ledger.
type check = func(context.Context, []events.Claim) (Unaccounted, error)

// Verify reads the claims log from its beginning to the cursor, partition by partition, and asks look which of its
// claims have no verdict, and which are foreign. There is one finding a partition; one that could not be read to its cursor says so. Verify may run
// beside a working ledger; it reads the whole log, so it is not for every minute.
func (l *Ledger) Verify(ctx context.Context, look check) []Finding {
	findings := make([]Finding, events.Partitions)
	for partition := range findings {
		f, err := l.verifyPartition(ctx, partition, look)
		if err != nil {
			f.Unread = fmt.Errorf("not read from %d on: %w", f.Read, err)
		}
		findings[partition] = f
	}
	return findings
}

func (l *Ledger) verifyPartition(ctx context.Context, partition int, look check) (Finding, error) {
	f := Finding{Partition: partition, Foreign: make(map[events.Foreign]int64)}
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
		if err := l.verifyRecords(ctx, &f, records, look); err != nil {
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

func (l *Ledger) verifyRecords(ctx context.Context, f *Finding, records []claimlog.Record, look check) error {
	var claims []events.Claim
	for _, r := range records {
		switch {
		case r.Offset >= f.Cursor:
		case r.Undecodable != nil:
			f.Foreign[events.ForeignUnreadable]++
		case r.Claim.Kind == events.KindClaim:
			r.Claim.Partition = f.Partition
			claims = append(claims, r.Claim)
		}
	}
	f.Claims += int64(len(claims))
	for part := range slices.Chunk(claims, verifyBatch) {
		found, err := look(ctx, part)
		if err != nil {
			return err
		}
		for why, n := range found.Foreign {
			f.Foreign[why] += n
		}
		missing, err := l.withoutQuarantine(ctx, found.Missing)
		f.Missing = append(f.Missing, missing...)
		if err != nil {
			return err
		}
	}
	return nil
}

// withoutQuarantine leaves out the claims that are in quarantine.
func (l *Ledger) withoutQuarantine(ctx context.Context, ids []uuid.UUID) ([]uuid.UUID, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := l.pool.Query(ctx, sqlQuarantinedClaims, ids)
	if err != nil {
		return nil, fmt.Errorf("read quarantine: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("read quarantine: %w", err)
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id uuid.UUID) bool { return slices.Contains(found, id) }), nil
}
