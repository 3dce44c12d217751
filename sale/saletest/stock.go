package saletest

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/inventory"
	"flashsale/sale"
)

// Stock is inventory's store, adapted as app/instance does.
type Stock struct{ *inventory.Store }

// NewStock is the stock of that database.
func NewStock(pool *pgxpool.Pool) Stock { return Stock{inventory.NewStore(pool)} }

// BeginTx is inventory's.
func (r Stock) BeginTx(ctx context.Context, tx pgx.Tx, k sale.Key, total, version int64) (sale.Level, error) {
	l, err := r.Store.BeginTx(ctx, tx, inventory.Key(k), total, version)
	return sale.Level(l), err
}

// LockTx is inventory's.
func (r Stock) LockTx(ctx context.Context, tx pgx.Tx, keys []sale.Key) ([]sale.Level, error) {
	found, err := r.Store.LockTx(ctx, tx, inventoryKeys(keys))
	return levelsOf(found), err
}

// QueueLock is inventory's.
func (r Stock) QueueLock(b *pgx.Batch, keys []sale.Key, got func([]sale.Level)) {
	r.Store.QueueLock(b, inventoryKeys(keys), func(found []inventory.Level) { got(levelsOf(found)) })
}

// QueueTake is inventory's.
func (r Stock) QueueTake(b *pgx.Batch, locked sale.Level, n int64) ([]int64, sale.Level, bool) {
	units, l, ok := r.Store.QueueTake(b, inventory.Level(locked), n)
	return units, sale.Level(l), ok
}

// TakeTx is inventory's.
func (r Stock) TakeTx(ctx context.Context, tx pgx.Tx, k sale.Key, n int64) ([]int64, sale.Level, error) {
	units, l, err := r.Store.TakeTx(ctx, tx, inventory.Key(k), n)
	return units, sale.Level(l), err
}

// ReturnTx is inventory's.
func (r Stock) ReturnTx(ctx context.Context, tx pgx.Tx, k sale.Key, unit int64) (sale.Level, error) {
	l, err := r.Store.ReturnTx(ctx, tx, inventory.Key(k), unit)
	return sale.Level(l), err
}

// SetTotalTx is inventory's.
func (r Stock) SetTotalTx(ctx context.Context, tx pgx.Tx, k sale.Key, total int64) (sale.Level, error) {
	l, err := r.Store.SetTotalTx(ctx, tx, inventory.Key(k), total)
	return sale.Level(l), err
}

// Levels is inventory's.
func (r Stock) Levels(ctx context.Context, keys []sale.Key) ([]sale.Level, error) {
	found, err := r.Store.Levels(ctx, inventoryKeys(keys))
	return levelsOf(found), err
}

func inventoryKeys(keys []sale.Key) []inventory.Key {
	if keys == nil {
		return nil
	}
	all := make([]inventory.Key, len(keys))
	for i, k := range keys {
		all[i] = inventory.Key(k)
	}
	return all
}

func levelsOf(found []inventory.Level) []sale.Level {
	all := make([]sale.Level, len(found))
	for i, l := range found {
		all[i] = sale.Level(l)
	}
	return all
}
