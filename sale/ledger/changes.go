package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/sale"
)

// ReadChanges reads the versions of all sales, then only the rows of the sales whose version is not the given one, then the
// levels of all sales. The sell-outs come with the versions, so one that happens meanwhile is in the next read. known is the generation of each sale that the caller knows.
func (s *Store) ReadChanges(ctx context.Context, known map[int64]sale.Key, versions map[int64]int64) (sale.Changes, error) {
	var n sale.Changes
	keys := make(map[int64]sale.Key, len(known))
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
		if n.Rows, err = pgx.CollectRows(rows, scanSaleRow); err != nil {
			return n, fmt.Errorf("read sales: %w", err)
		}
	}
	for i := range n.Rows {
		keys[n.Rows[i].Sale] = n.Rows[i].Key
	}
	if len(keys) == 0 {
		return n, nil
	}
	asked := make([]sale.Key, 0, len(keys))
	for _, k := range keys {
		asked = append(asked, k)
	}
	if n.Levels, err = s.stock.Levels(ctx, asked); err != nil {
		return n, fmt.Errorf("read stock: %w", err)
	}
	return n, nil
}

// changedSales reads Postgres' clock, and lists the sales whose version is not the given one.
func (s *Store) changedSales(ctx context.Context, n *sale.Changes, versions map[int64]int64) (ids []int64, err error) {
	b := &pgx.Batch{}
	b.Queue(`SELECT clock_timestamp()`).QueryRow(func(row pgx.Row) error { return row.Scan(&n.Now) })
	b.Queue(sqlVersions).Query(func(rows pgx.Rows) error {
		var version int64
		var k sale.Key
		var opened, at *time.Time
		_, err := pgx.ForEachRow(rows, []any{&k.Sale, &version, &k.Generation, &opened, &at}, func() error {
			if versions[k.Sale] != version {
				ids = append(ids, k.Sale)
			}
			if at != nil {
				n.Sellouts[k] = sale.Sellout{Opened: opened.UTC(), At: at.UTC()}
			}
			return nil
		})
		return err
	})
	n.Sellouts = make(map[sale.Key]sale.Sellout)
	n.Asked = time.Now()
	err = s.pool.SendBatch(ctx, b).Close()
	n.AnsweredAt = time.Now()
	return ids, err
}

func scanSaleRow(row pgx.CollectableRow) (sale.Row, error) {
	var s sale.Row
	p := &s.Product
	err := row.Scan(&s.Sale, &s.Slug, &s.Generation, &s.State, &s.StartsAt, &s.EndsAt, &s.Partition, &s.Secret,
		&s.Version, &s.ClosingVersion, &s.Revision, &s.Ledger,
		&s.Limit.AccountRate, &s.Limit.AccountBurst, &s.Limit.NetworkRate, &s.Limit.NetworkBurst, &s.Message, &s.Texts, &s.Zone, &s.Archived,
		&p.Name, &p.Description, &p.Details, &p.Specification, &p.ImportantInfo, &p.Images,
		&p.PriceMinor, &p.DiscountMinor, &p.CurrencyCode, &p.CurrencySymbol)
	s.StartsAt, s.EndsAt = s.StartsAt.UTC(), s.EndsAt.UTC()
	return s, err
}
