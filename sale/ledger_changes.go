package sale

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// saleRow is a sale as it stands in the ledger: its row, its product, and the stock of its generation.
type saleRow struct {
	Key
	slug             string
	state            State
	startsAt, endsAt time.Time
	partition        int
	secret           []byte
	version          int64
	revision         int64
	closingVersion   int64
	closingAt        time.Time
	product          Product
	level            Level
}

// clientVersion is the version that clients see. Both parts only grow, across generations too.
func (s *saleRow) clientVersion() int64 { return s.version + s.level.Version }

// changes is what a read of Postgres found: the rows that changed (without their levels), all levels, and the time on
// its clock.
type changes struct {
	rows                   []saleRow
	levels                 []Level
	now, asked, answeredAt time.Time
}

// readChanges reads the versions of all sales, then only the rows that changed since the versions given.
func (s *Store) readChanges(ctx context.Context, known map[int64]Key, versions map[int64]int64) (changes, error) {
	var n changes
	keys := make(map[int64]Key, len(known))
	for id, k := range known {
		keys[id] = k
	}
	ids, err := s.changedSales(ctx, &n, versions)
	if err != nil {
		return n, fmt.Errorf("read versions: %w", err)
	}
	if len(ids) > 0 {
		rows, err := s.pool.Query(ctx, sqlSales, ids)
		if err != nil {
			return n, fmt.Errorf("read sales: %w", err)
		}
		if n.rows, err = pgx.CollectRows(rows, scanSaleRow); err != nil {
			return n, fmt.Errorf("read sales: %w", err)
		}
	}
	for i := range n.rows {
		keys[n.rows[i].Sale] = n.rows[i].Key
	}
	if len(keys) == 0 {
		return n, nil
	}
	asked := make([]Key, 0, len(keys))
	for _, k := range keys {
		asked = append(asked, k)
	}
	if n.levels, err = s.stock.Levels(ctx, asked); err != nil {
		return n, fmt.Errorf("read stock: %w", err)
	}
	return n, nil
}

// changedSales asks for the clock and lists the sales whose version is another one than is known.
func (s *Store) changedSales(ctx context.Context, n *changes, versions map[int64]int64) (ids []int64, err error) {
	b := &pgx.Batch{}
	b.Queue(`SELECT clock_timestamp()`).QueryRow(func(row pgx.Row) error { return row.Scan(&n.now) })
	b.Queue(sqlVersions).Query(func(rows pgx.Rows) error {
		var id, version int64
		_, err := pgx.ForEachRow(rows, []any{&id, &version}, func() error {
			if versions[id] != version {
				ids = append(ids, id)
			}
			return nil
		})
		return err
	})
	n.asked = time.Now()
	err = s.pool.SendBatch(ctx, b).Close()
	n.answeredAt = time.Now()
	return ids, err
}

func scanSaleRow(row pgx.CollectableRow) (saleRow, error) {
	var s saleRow
	var closingAt *time.Time
	p := &s.product
	err := row.Scan(&s.Sale, &s.slug, &s.Generation, &s.state, &s.startsAt, &s.endsAt, &s.partition, &s.secret,
		&s.version, &s.closingVersion, &closingAt, &s.revision,
		&p.Name, &p.Description, &p.Details, &p.Specification, &p.ImportantInfo, &p.Images,
		&p.PriceMinor, &p.DiscountMinor, &p.CurrencyCode, &p.CurrencySymbol)
	s.startsAt, s.endsAt = s.startsAt.UTC(), s.endsAt.UTC()
	if closingAt != nil {
		s.closingAt = *closingAt
	}
	return s, err
}
