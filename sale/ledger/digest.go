package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"flashsale/sale"
)

// DigestNext computes the digest of one ended generation that has none. It locks the generation's row, so that cancels of its
// orders wait meanwhile; nothing else waits. done is true when there is none left to compute.
func (s *Store) DigestNext(ctx context.Context) (done bool, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var k sale.Key
		err := tx.QueryRow(ctx, sqlUndigested).Scan(&k.Sale, &k.Generation)
		if errors.Is(err, pgx.ErrNoRows) {
			done = true
			return nil
		}
		if err != nil {
			return fmt.Errorf("find generation: %w", err)
		}
		rows, presses, err := digest(ctx, tx, k)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlStoreDigest, k.Sale, k.Generation, rows, presses); err != nil {
			return fmt.Errorf("store digest: %w", err)
		}
		return nil
	})
	return done, err
}

// digest is over the orders of a generation, and over the times of their presses.
func digest(ctx context.Context, tx pgx.Tx, k sale.Key) (rows, presses string, err error) {
	if err := tx.QueryRow(ctx, sqlDigest, k.Sale, k.Generation).Scan(&rows, &presses); err != nil {
		return "", "", fmt.Errorf("digest generation %d of sale %d: %w", k.Generation, k.Sale, err)
	}
	return rows, presses, nil
}

// DigestMismatch is an ended generation whose orders have other digests now than the stored ones. Both are in each text.
type DigestMismatch struct {
	sale.Key
	Stored, Found string
}

// DigestCheckTx computes the digests of all ended generations again and lists those that differ. pending are the ended
// generations that have no digest yet, so that they cannot be checked. It reads all their orders: for verify. The transaction has
// to be REPEATABLE READ, so that a digest is compared with the orders of the same moment.
func (s *Store) DigestCheckTx(ctx context.Context, tx pgx.Tx) (differ []DigestMismatch, pending []sale.Key, err error) {
	ended, err := endedGenerations(ctx, tx)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range ended {
		if m.Stored == "" {
			pending = append(pending, m.Key)
			continue
		}
		rows, presses, err := digest(ctx, tx, m.Key)
		if err != nil {
			return differ, pending, err
		}
		if m.Found = rows + " " + presses; m.Found != m.Stored {
			differ = append(differ, m)
		}
	}
	return differ, pending, nil
}

func endedGenerations(ctx context.Context, tx pgx.Tx) ([]DigestMismatch, error) {
	rows, err := tx.Query(ctx, sqlDigests)
	if err != nil {
		return nil, fmt.Errorf("list digests: %w", err)
	}
	ended, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m DigestMismatch, err error) {
		err = row.Scan(&m.Sale, &m.Generation, &m.Stored)
		return m, err
	})
	if err != nil {
		return nil, fmt.Errorf("list digests: %w", err)
	}
	return ended, nil
}
