package events

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// inspectBatch is how many claims are looked up at once.
const inspectBatch = 1000

// Finding is what an audit of one partition found.
type Finding struct {
	Partition int
	// Start and End are the log's range, Cursor is where the ledger is.
	Start, End, Cursor int64
	// Claims is how many claims before the cursor were looked at.
	Claims int64
	// Missing are claims before the cursor without a verdict and not in quarantine.
	Missing []uuid.UUID
	// Unreadable are offsets before the cursor that cannot be decoded and are not in quarantine.
	Unreadable []int64
}

// OK is true when the cursor is within the log and every claim before it is accounted for.
func (f Finding) OK() bool {
	return f.Cursor <= f.End && len(f.Missing) == 0 && len(f.Unreadable) == 0
}

func (f Finding) String() string {
	return fmt.Sprintf("partition %d: cursor %d, log %d to %d, %d claims, %d without a verdict, %d unreadable and not in quarantine",
		f.Partition, f.Cursor, f.Start, f.End, f.Claims, len(f.Missing), len(f.Unreadable))
}

// Audit reads the claims log from its beginning to the cursor, partition by partition, and asks check which of its
// claims have no verdict. It may run beside a working ledger; it reads everything, so it is not for every minute.
func (l *Ledger) Audit(ctx context.Context, check func(context.Context, []Claim) (missing []uuid.UUID, err error)) ([]Finding, error) {
	findings := make([]Finding, 0, Partitions)
	for partition := range Partitions {
		f, err := l.auditPartition(ctx, partition, check)
		if err != nil {
			return findings, fmt.Errorf("audit partition %d: %w", partition, err)
		}
		findings = append(findings, f)
	}
	return findings, nil
}

func (l *Ledger) auditPartition(ctx context.Context, partition int, check func(context.Context, []Claim) ([]uuid.UUID, error)) (Finding, error) {
	f := Finding{Partition: partition}
	p, _, known, err := l.cursor(ctx, partition)
	if err != nil {
		return f, err
	}
	if f.Start, f.End, err = l.log.Range(ctx, partition); err != nil {
		return f, err
	}
	f.Cursor = p.next
	if !known {
		f.Cursor = f.Start
	}
	for offset := f.Start; offset < min(f.Cursor, f.End); {
		records, err := l.log.fetch(ctx, partition, offset)
		if err != nil {
			return f, err
		}
		if len(records) == 0 {
			break // only control records are left
		}
		offset = records[len(records)-1].offset + 1
		if err := l.auditRecords(ctx, &f, p.epoch, records, check); err != nil {
			return f, err
		}
	}
	return f, nil
}

func (l *Ledger) auditRecords(ctx context.Context, f *Finding, epoch int64, records []record, check func(context.Context, []Claim) ([]uuid.UUID, error)) error {
	var claims []Claim
	var unreadable []int64
	for _, r := range records {
		switch {
		case r.offset >= f.Cursor:
		case r.undecodable != nil:
			unreadable = append(unreadable, r.offset)
		case r.claim.Kind == KindClaim:
			claims = append(claims, r.claim)
		}
	}
	f.Claims += int64(len(claims))
	left, err := l.notQuarantined(ctx, f.Partition, epoch, unreadable)
	f.Unreadable = append(f.Unreadable, left...)
	for len(claims) > 0 && err == nil {
		n := min(inspectBatch, len(claims))
		var missing []uuid.UUID
		if missing, err = check(ctx, claims[:n]); err == nil {
			missing, err = l.withoutQuarantine(ctx, missing)
		}
		f.Missing = append(f.Missing, missing...)
		claims = claims[n:]
	}
	return err
}

// withoutQuarantine takes out the claims that are known not to be applicable.
func (l *Ledger) withoutQuarantine(ctx context.Context, ids []uuid.UUID) ([]uuid.UUID, error) {
	return subtract(ctx, l, ids, sqlQuarantinedClaims, ids)
}

func (l *Ledger) notQuarantined(ctx context.Context, partition int, epoch int64, offsets []int64) ([]int64, error) {
	return subtract(ctx, l, offsets, sqlQuarantinedOffsets, l.log.id, epoch, partition, offsets)
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
