package storefront

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"flashsale/sale"
)

const (
	sqlKeepSize = `INSERT INTO storefront_product_pictures (id, width, height, kind, body) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id, width) DO UPDATE SET kept_at = clock_timestamp()`
	sqlLockSizes   = `SELECT width FROM storefront_product_pictures WHERE id = $1 ORDER BY width FOR UPDATE`
	sqlForgetSizes = `DELETE FROM storefront_product_pictures WHERE id = $1`
	sqlSize        = `SELECT kind, width, height, body FROM storefront_product_pictures WHERE id = $1 AND width = $2`
)

// KeepPictureTx keeps a product's picture in the caller's transaction. It locks the picture until that ends, also when it is there
// already; so call it, as LockPictureTx, before the sale is locked.
func (s *Store) KeepPictureTx(ctx context.Context, tx pgx.Tx, p *ProductPicture) error {
	for _, size := range p.Sizes {
		if _, err := tx.Exec(ctx, sqlKeepSize, p.ID, size.Width, size.Height, size.Kind, size.Body); err != nil {
			return fmt.Errorf("keep a product's picture: %w", err)
		}
	}
	return nil
}

// LockPictureTx locks a picture that may be forgotten.
func (s *Store) LockPictureTx(ctx context.Context, tx pgx.Tx, id string) error {
	if _, err := tx.Exec(ctx, sqlLockSizes, id); err != nil {
		return fmt.Errorf("lock a product's picture: %w", err)
	}
	return nil
}

// ForgetPictureTx deletes a picture that no sale shows any more.
func (s *Store) ForgetPictureTx(ctx context.Context, tx pgx.Tx, id string) error {
	if _, err := tx.Exec(ctx, sqlForgetSizes, id); err != nil {
		return fmt.Errorf("forget a product's picture: %w", err)
	}
	return nil
}

// Size reads one size of a picture. Error: sale.ErrNoPicture.
func (s *Store) Size(ctx context.Context, k PictureKey) (*Size, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	var found Size
	err := s.pool.QueryRow(ctx, sqlSize, k.ID, k.Width).Scan(&found.Kind, &found.Width, &found.Height, &found.Body)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, sale.ErrNoPicture
	}
	if err != nil {
		return nil, fmt.Errorf("read a product's picture: %w", err)
	}
	return &found, nil
}
