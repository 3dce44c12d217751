package consumer

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"flashsale/events/claimlog"
)

// Lag is how many records of a partition the ledger has not passed, and where its cursor is.
type Lag struct {
	Records int64
	Cursor  int64
}

// Lag compares every partition's cursor with the log's end. It also keeps the metric.
func (l *Ledger) Lag(ctx context.Context) (map[int]Lag, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	all := claimlog.EveryPartition()
	cursors, err := l.cursors(ctx)
	if err != nil {
		return nil, err
	}
	ranges, err := l.log.Ranges(ctx, all...)
	if err != nil {
		return nil, err
	}
	lags := make(map[int]Lag, len(all))
	for _, p := range all {
		cursor, known := cursors[p]
		if !known {
			cursor = ranges[p].Start
		}
		lags[p] = Lag{Records: max(0, ranges[p].End-cursor), Cursor: cursor}
		l.metrics.lag.WithLabelValues(strconv.Itoa(p)).Set(float64(lags[p].Records))
	}
	return lags, nil
}

func (l *Ledger) cursors(ctx context.Context) (map[int]int64, error) {
	rows, err := l.pool.Query(ctx, sqlCursors, l.log.ID())
	if err != nil {
		return nil, fmt.Errorf("read cursors: %w", err)
	}
	defer rows.Close()
	found := make(map[int]int64)
	for rows.Next() {
		var partition int
		var offset int64
		if err := rows.Scan(&partition, &offset); err != nil {
			return nil, fmt.Errorf("read cursors: %w", err)
		}
		found[partition] = offset
	}
	return found, rows.Err()
}

// watch measures the lag each second and reports a stall: a partition lags and its cursor does not move although both servers
// answer, and either this process follows that partition or the group has assigned it none at all.
func (l *Ledger) watch(ctx context.Context, stalled chan<- struct{}) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	idle := make(idleTimes)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		lags, err := l.Lag(ctx)
		if err != nil {
			clear(idle) // nothing can move while a server is away
			continue
		}
		if l.stall(idle.update(lags, time.Now())) {
			clear(idle)
			select {
			case stalled <- struct{}{}:
			default:
			}
		}
	}
}

// idleTimes remembers since when a partition has been lagging at the same offset.
type idleTimes map[int]idleSince

type idleSince struct {
	cursor int64
	since  time.Time
}

// update returns for how long each lagging partition has not moved.
func (s idleTimes) update(lags map[int]Lag, now time.Time) map[int]time.Duration {
	waits := make(map[int]time.Duration)
	for partition, lag := range lags {
		was, known := s[partition]
		if lag.Records == 0 || !known || was.cursor != lag.Cursor {
			s[partition] = idleSince{cursor: lag.Cursor, since: now}
			continue
		}
		waits[partition] = now.Sub(was.since)
	}
	return waits
}

// stall is true when a partition that this process can move has waited for too long.
func (l *Ledger) stall(waits map[int]time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for partition, wait := range waits {
		moving := l.owned[partition]
		if wait > l.cfg.StallAfter && (moving || len(l.owned) == 0) {
			return true
		}
	}
	return false
}
