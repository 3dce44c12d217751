package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	levelColumns = `sale_id, generation, total, taken, next_unit, version`

	beginSQL = `INSERT INTO stock (sale_id, generation, total, version) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING RETURNING ` + levelColumns

	// One row, so that its plan cannot be another one when there are many.
	lockSQL = `SELECT ` + levelColumns + ` FROM stock WHERE sale_id = $1 AND generation = $2 FOR UPDATE`

	levelsSQL = `SELECT ` + levelColumns + ` FROM stock
WHERE (sale_id, generation) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))
ORDER BY sale_id, generation`

	allLevelsSQL = `SELECT ` + levelColumns + ` FROM stock ORDER BY sale_id, generation`

	// takeNewSQL matches only while no unit has come back, which is nearly always.
	takeNewSQL = `UPDATE stock SET taken = taken + $3, next_unit = next_unit + $3, version = version + 1
WHERE sale_id = $1 AND generation = $2 AND next_unit - 1 = taken AND taken + $3 <= total
RETURNING ` + levelColumns

	// takeLockedSQL takes units when the numbers were read before, under the row's lock.
	takeLockedSQL = `UPDATE stock SET taken = taken + $3, next_unit = next_unit + $3, version = version + 1
WHERE sale_id = $1 AND generation = $2 AND (version = $4 AND taken = $5 AND next_unit = $6 OR must_change(0, 1) IS NULL)`

	takeReturnedSQL = `DELETE FROM returned_units WHERE (sale_id, generation, unit) IN (
	SELECT sale_id, generation, unit FROM returned_units
	WHERE sale_id = $1 AND generation = $2 ORDER BY unit LIMIT $3)
RETURNING unit`

	takeSQL = `UPDATE stock SET taken = taken + $3, next_unit = next_unit + $4, version = version + 1
WHERE sale_id = $1 AND generation = $2 RETURNING ` + levelColumns

	untakeSQL = `UPDATE stock SET taken = taken - 1, version = version + 1
WHERE sale_id = $1 AND generation = $2 AND taken > 0 AND $3 > 0 AND $3 < next_unit
RETURNING ` + levelColumns

	returnSQL = `INSERT INTO returned_units (sale_id, generation, unit) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`

	setTotalSQL = `UPDATE stock SET total = $3, version = version + 1
WHERE sale_id = $1 AND generation = $2 AND taken <= $3 RETURNING ` + levelColumns
)

// Store is the stock in Postgres. The ...Tx methods join the caller's transaction and keep the stock row locked
// until it ends. Safe for concurrent use.
type Store struct{ pool *pgxpool.Pool }

// NewStore keeps the stock in the pool's schema.
func NewStore(pool *pgxpool.Pool) *Store { return &Store{pool: pool} }

// BeginTx creates the stock of a new generation with nothing taken. The version must lie above that of the
// generation before, so that it only grows. ErrExists when there is a row already.
func (s *Store) BeginTx(ctx context.Context, tx pgx.Tx, key Key, total, version int64) (Level, error) {
	level, err := oneLevel(ctx, tx, beginSQL, key.Sale, key.Generation, total, version)
	if errors.Is(err, pgx.ErrNoRows) {
		return Level{}, fmt.Errorf("begin stock of sale %d generation %d: %w", key.Sale, key.Generation, ErrExists)
	}
	return level, wrap("begin stock", key, err)
}

// LockTx locks the rows in the one order everybody uses and returns them in it. Unknown keys are left out.
func (s *Store) LockTx(ctx context.Context, tx pgx.Tx, keys []Key) ([]Level, error) {
	var levels []Level
	batch := &pgx.Batch{}
	s.QueueLock(batch, keys, func(got []Level) { levels = append(levels, got...) })
	if batch.Len() == 0 {
		return nil, nil
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("lock stock: %w", err)
	}
	return levels, nil
}

// QueueLock is LockTx for a transaction that asks for several things at once; got is called with each row when it has been read.
// The rows are locked in the order of their keys, so two transactions never wait for each other.
func (s *Store) QueueLock(batch *pgx.Batch, keys []Key, got func([]Level)) {
	keys = slices.Clone(keys)
	slices.SortFunc(keys, func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Sale, b.Sale), cmp.Compare(a.Generation, b.Generation))
	})
	for _, k := range slices.Compact(keys) {
		batch.Queue(lockSQL, k.Sale, k.Generation).Query(func(rows pgx.Rows) error {
			levels, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Level])
			if err == nil {
				got(levels)
			}
			return err
		})
	}
}

// QueueTake takes n units of a row that the transaction has locked, and knows before it is sent which they are. It is
// refused, with nothing queued, when units have come back or too few are left: then TakeTx has to read the tables.
func (s *Store) QueueTake(batch *pgx.Batch, locked Level, n int64) ([]int64, Level, bool) {
	if n <= 0 || locked.NextUnit-1 != locked.Taken || locked.Left() < n {
		return nil, locked, false
	}
	batch.Queue(takeLockedSQL, locked.Sale, locked.Generation, n, locked.Version, locked.Taken, locked.NextUnit)
	units := numbered(make([]int64, 0, n), locked.NextUnit, n)
	locked.Taken += n
	locked.NextUnit += n
	locked.Version++
	return units, locked, true
}

// TakeTx takes n units and returns their numbers: units that came back first, lowest number first, then new
// ones. It is one statement while nothing has come back. ErrShort when fewer than n are left.
func (s *Store) TakeTx(ctx context.Context, tx pgx.Tx, key Key, n int64) ([]int64, Level, error) {
	if n <= 0 {
		return nil, Level{}, fmt.Errorf("take %d units: the number must be positive", n)
	}
	level, err := oneLevel(ctx, tx, takeNewSQL, key.Sale, key.Generation, n)
	if errors.Is(err, pgx.ErrNoRows) {
		return s.takeReturnedTx(ctx, tx, key, n)
	}
	if err != nil {
		return nil, Level{}, wrap("take units", key, err)
	}
	return numbered(make([]int64, 0, n), level.NextUnit-n, n), level, nil
}

func (s *Store) takeReturnedTx(ctx context.Context, tx pgx.Tx, key Key, n int64) ([]int64, Level, error) {
	level, err := s.lockOneTx(ctx, tx, key)
	if err != nil {
		return nil, Level{}, err
	}
	if level.Left() < n {
		return nil, level, fmt.Errorf("take %d of %d units: %w", n, level.Left(), ErrShort)
	}
	returned := min(n, level.NextUnit-1-level.Taken)
	units, err := queryUnits(ctx, tx, key, returned)
	if err != nil {
		return nil, Level{}, err
	}
	units = numbered(units, level.NextUnit, n-returned)
	level, err = oneLevel(ctx, tx, takeSQL, key.Sale, key.Generation, n, n-returned)
	return units, level, wrap("take units", key, err)
}

func queryUnits(ctx context.Context, tx pgx.Tx, key Key, n int64) ([]int64, error) {
	rows, err := tx.Query(ctx, takeReturnedSQL, key.Sale, key.Generation, n)
	if err != nil {
		return nil, wrap("take returned units", key, err)
	}
	units, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, wrap("take returned units", key, err)
	}
	// The counter and the table must agree before a unit is given out a second time.
	if int64(len(units)) != n {
		return nil, fmt.Errorf("sale %d generation %d: %d returned units are on record, %d in the table",
			key.Sale, key.Generation, n, len(units))
	}
	slices.Sort(units)
	return units, nil
}

// ReturnTx gives a unit back; the next TakeTx hands it out again. ErrUnit when it is not taken; then the
// caller must roll back.
func (s *Store) ReturnTx(ctx context.Context, tx pgx.Tx, key Key, unit int64) (Level, error) {
	level, err := oneLevel(ctx, tx, untakeSQL, key.Sale, key.Generation, unit)
	if errors.Is(err, pgx.ErrNoRows) {
		return Level{}, s.refusal(ctx, tx, key, fmt.Errorf("return unit %d: %w", unit, ErrUnit))
	}
	if err != nil {
		return Level{}, wrap("return a unit", key, err)
	}
	tag, err := tx.Exec(ctx, returnSQL, key.Sale, key.Generation, unit)
	if err != nil {
		return Level{}, wrap("return a unit", key, err)
	}
	if tag.RowsAffected() == 0 {
		return Level{}, fmt.Errorf("return unit %d: %w", unit, ErrUnit)
	}
	return level, nil
}

// SetTotalTx changes how many units there are. ErrBelowTaken when more are taken already.
func (s *Store) SetTotalTx(ctx context.Context, tx pgx.Tx, key Key, total int64) (Level, error) {
	level, err := oneLevel(ctx, tx, setTotalSQL, key.Sale, key.Generation, total)
	if errors.Is(err, pgx.ErrNoRows) {
		return Level{}, s.refusal(ctx, tx, key, fmt.Errorf("set the total to %d: %w", total, ErrBelowTaken))
	}
	return level, wrap("set the total", key, err)
}

// Levels reads the stock of the keys, or of every generation there ever was when keys is nil, ordered by sale
// and generation. Unknown keys are left out.
func (s *Store) Levels(ctx context.Context, keys []Key) ([]Level, error) {
	var levels []Level
	var err error
	if keys == nil {
		levels, err = levelRows(ctx, s.pool, allLevelsSQL)
	} else {
		sales, generations := columns(keys)
		levels, err = levelRows(ctx, s.pool, levelsSQL, sales, generations)
	}
	if err != nil {
		return nil, fmt.Errorf("read stock: %w", err)
	}
	return levels, nil
}

// AllLevelsTx reads the stock of every generation there ever was, as the transaction sees it, ordered by sale and generation.
func (s *Store) AllLevelsTx(ctx context.Context, tx pgx.Tx) ([]Level, error) {
	levels, err := levelRows(ctx, tx, allLevelsSQL)
	if err != nil {
		return nil, fmt.Errorf("read stock: %w", err)
	}
	return levels, nil
}

// LevelTx reads the stock of one key as the transaction sees it, without a lock. ErrUnknown when there is none.
func (s *Store) LevelTx(ctx context.Context, tx pgx.Tx, key Key) (Level, error) {
	level, err := oneLevel(ctx, tx, levelsSQL, []int64{key.Sale}, []int64{key.Generation})
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrUnknown
	}
	return level, wrap("read stock", key, err)
}

func (s *Store) lockOneTx(ctx context.Context, tx pgx.Tx, key Key) (Level, error) {
	levels, err := s.LockTx(ctx, tx, []Key{key})
	if err != nil {
		return Level{}, err
	}
	if len(levels) == 0 {
		return Level{}, fmt.Errorf("sale %d generation %d: %w", key.Sale, key.Generation, ErrUnknown)
	}
	return levels[0], nil
}

// refusal tells a row that refused a change from a row that is not there.
func (s *Store) refusal(ctx context.Context, tx pgx.Tx, key Key, refused error) error {
	if _, err := s.lockOneTx(ctx, tx, key); err != nil {
		return err
	}
	return refused
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func oneLevel(ctx context.Context, q querier, sql string, args ...any) (Level, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return Level{}, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Level])
}

func levelRows(ctx context.Context, q querier, sql string, args ...any) ([]Level, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Level])
}

func columns(keys []Key) (sales, generations []int64) {
	sales, generations = make([]int64, len(keys)), make([]int64, len(keys))
	for i, key := range keys {
		sales[i], generations[i] = key.Sale, key.Generation
	}
	return sales, generations
}

// numbered appends n consecutive unit numbers.
func numbered(units []int64, first, n int64) []int64 {
	for i := range n {
		units = append(units, first+i)
	}
	return units
}

func wrap(what string, key Key, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s of sale %d generation %d: %w", what, key.Sale, key.Generation, err)
}
