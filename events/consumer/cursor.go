package consumer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
	"flashsale/events/claimlog"
)

// Cursor is how far the ledger has read a partition: everything before Offset is decided or in quarantine. MovedAt is by
// Postgres' clock.
type Cursor struct {
	Offset  int64
	MovedAt time.Time
}

// Cursor reads the cursor of a partition of the present log. A partition that was never read has the zero Cursor.
func (l *Ledger) Cursor(ctx context.Context, partition int) (Cursor, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	_, c, _, err := l.cursor(ctx, partition)
	return c, err
}

// Settled is true when the ledger has decided every record that a partition holds at the time of the call. It is false
// where the cursor does not fit the log, that is, where the records before it are not those of this log. epoch changes
// when that was noticed. [ErrLog] for a partition that no sale has; no server is asked about it.
func (l *Ledger) Settled(ctx context.Context, partition int) (epoch int64, settled bool, err error) {
	if partition < 0 || partition >= events.Partitions {
		return 0, false, fmt.Errorf("%w: there is no partition %d", events.ErrLog, partition)
	}
	// The end is read before the cursor: what is written in between does not count.
	_, end, err := l.log.Range(ctx, partition)
	if err != nil {
		return 0, false, err
	}
	at, _, found, err := l.cursor(ctx, partition)
	if err != nil || !found || at.next < end {
		return at.epoch, false, err
	}
	misfit, _, err := l.misfit(ctx, partition, at)
	return at.epoch, misfit == "" && err == nil, err
}

// offset is the cursor as it is compared and swapped.
type offset struct {
	// epoch counts how often the partition was begun anew.
	epoch int64
	// next is the first record that is not decided yet.
	next int64
	// fingerprint is that of the record before next; empty when none was read.
	fingerprint []byte
}

func (l *Ledger) cursor(ctx context.Context, partition int) (offset, Cursor, bool, error) {
	return scanCursor(l.pool.QueryRow(ctx, sqlCursor, l.log.ID(), partition))
}

func scanCursor(row pgx.Row) (offset, Cursor, bool, error) {
	var at offset
	var c Cursor
	err := row.Scan(&at.epoch, &at.next, &at.fingerprint, &c.MovedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return offset{}, Cursor{}, false, nil
	}
	if err != nil {
		return offset{}, Cursor{}, false, fmt.Errorf("read cursor: %w", err)
	}
	c.Offset = at.next
	return at, c, true, nil
}

// fenced reads the cursor when no transaction is left that can still move it. Its own commit proves that the cursor is
// durable.
func (l *Ledger) fenced(ctx context.Context, partition int) (offset, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	var at offset
	err := events.Transact(ctx, l.pool, func(tx pgx.Tx) (err error) {
		at, _, _, err = scanCursor(tx.QueryRow(ctx, sqlCursorFenced, l.log.ID(), partition))
		return err
	})
	return at, err
}

// move is the fence that moves the cursor of a partition from one offset to another.
func (l *Ledger) move(partition int, from, to offset) *events.Fence {
	return &events.Fence{SQL: sqlMoveCursor,
		Args: []any{l.log.ID(), partition, from.epoch, from.next, to.next, to.fingerprint}}
}

// after is the offset that follows the last of records.
func (at offset) after(records []claimlog.Record) offset {
	last := records[len(records)-1]
	return offset{epoch: at.epoch, next: last.Offset + 1, fingerprint: last.Fingerprint()}
}

func (at offset) equal(o offset) bool {
	return at.epoch == o.epoch && at.next == o.next && bytes.Equal(at.fingerprint, o.fingerprint)
}

// resume finds where to go on reading a partition: at the cursor when it fits the log, else at the log's beginning.
func (l *Ledger) resume(ctx context.Context, partition int) (offset, error) {
	at, _, found, err := l.cursor(ctx, partition)
	if err != nil {
		return offset{}, err
	}
	if !found {
		return l.resumeFirst(ctx, partition)
	}
	misfit, start, err := l.misfit(ctx, partition, at)
	// A broker that has just become leader may not yet know how far its log goes. So a misfit must be found several
	// times.
	for look := 1; err == nil && misfit != "" && look < l.cfg.Looks; look++ {
		if err = events.Pause(ctx, l.cfg.LookEvery); err == nil {
			misfit, start, err = l.misfit(ctx, partition, at)
		}
	}
	if err != nil || misfit == "" {
		return at, err
	}
	return l.restart(ctx, partition, at, start, misfit)
}

// resumeFirst makes the cursor of a partition that was never read.
func (l *Ledger) resumeFirst(ctx context.Context, partition int) (offset, error) {
	start, _, err := l.log.Range(ctx, partition)
	if err != nil {
		return offset{}, err
	}
	var others int
	if err := l.pool.QueryRow(ctx, sqlOtherLogs, l.log.ID(), partition).Scan(&others); err != nil {
		return offset{}, fmt.Errorf("look for cursors of other logs: %w", err)
	}
	if others > 0 {
		l.metrics.logChanged.Inc()
		l.logger.Error("ALARM: the claims log is another one than before; reading it from its beginning",
			"log", l.log.ID(), "partition", partition, "offset", start)
	}
	if _, err := l.pool.Exec(ctx, sqlNewCursor, l.log.ID(), partition, start); err != nil {
		return offset{}, fmt.Errorf("create cursor: %w", err)
	}
	at, _, _, err := l.cursor(ctx, partition)
	return at, err
}

// misfit says why the cursor cannot belong to this log (empty: it can), and where the log begins.
func (l *Ledger) misfit(ctx context.Context, partition int, at offset) (string, int64, error) {
	start, end, err := l.log.Range(ctx, partition)
	switch {
	case err != nil:
		return "", 0, err
	case at.next > end:
		return fmt.Sprintf("the cursor is at %d, the log ends at %d", at.next, end), start, nil
	case at.next < start:
		return fmt.Sprintf("the cursor is at %d, the log begins at %d", at.next, start), start, nil
	case len(at.fingerprint) == 0 || at.next == start:
		return "", start, nil // the record before the cursor has expired, or there never was one
	}
	records, err := l.log.Fetch(ctx, partition, at.next-1)
	if err != nil {
		return "", 0, err
	}
	if len(records) == 0 {
		return "", 0, fmt.Errorf("%w: record %d of partition %d cannot be read", events.ErrLog, at.next-1, partition)
	}
	if records[0].Offset != at.next-1 || !bytes.Equal(records[0].Fingerprint(), at.fingerprint) {
		return fmt.Sprintf("record %d is not the one that was read", at.next-1), start, nil
	}
	return "", start, nil
}

// restart moves a cursor that does not fit the log to the log's beginning.
func (l *Ledger) restart(ctx context.Context, partition int, at offset, start int64, why string) (offset, error) {
	tag, err := l.pool.Exec(ctx, sqlRestartCursor, l.log.ID(), partition, at.epoch, at.next, start)
	if err != nil {
		return offset{}, fmt.Errorf("restart cursor: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return offset{}, events.ErrFenced
	}
	l.metrics.logChanged.Inc()
	l.logger.Error("ALARM: the cursor does not fit the claims log; reading it from its beginning",
		"log", l.log.ID(), "partition", partition, "reason", why, "offset", start, "epoch", at.epoch+1)
	return offset{epoch: at.epoch + 1, next: start}, nil
}
