package inventory_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/inventory"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

var key = inventory.Key{Sale: 7, Generation: 3}

// stockFixture is a store with a pool to begin transactions on.
type stockFixture struct {
	*inventory.Store
	pool *pgxpool.Pool
}

func openStock(t *testing.T) stockFixture {
	t.Helper()
	pool, _ := embeddedtest.Postgres(t)
	return stockFixture{Store: inventory.NewStore(pool), pool: pool}
}

// begin creates stock for the key, with version 1.
func (b stockFixture) begin(t *testing.T, key inventory.Key, total int64) {
	t.Helper()
	b.must(t, func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.BeginTx(ctx, tx, key, total, 1)
		return err
	})
}

func (b stockFixture) tx(work func(ctx context.Context, tx pgx.Tx) error) error {
	ctx := context.Background()
	return pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error { return work(ctx, tx) })
}

func (b stockFixture) must(t *testing.T, work func(ctx context.Context, tx pgx.Tx) error) {
	t.Helper()
	if err := b.tx(work); err != nil {
		t.Fatal(err)
	}
}

func (b stockFixture) take(t *testing.T, n int64) (units []int64) {
	t.Helper()
	b.must(t, func(ctx context.Context, tx pgx.Tx) (err error) {
		units, _, err = b.TakeTx(ctx, tx, key, n)
		return err
	})
	return units
}

func (b stockFixture) giveBack(t *testing.T, units ...int64) {
	t.Helper()
	for _, unit := range units {
		b.must(t, func(ctx context.Context, tx pgx.Tx) error {
			_, err := b.ReturnTx(ctx, tx, key, unit)
			return err
		})
	}
}

func (b stockFixture) level(t *testing.T) inventory.Level {
	t.Helper()
	levels, err := b.Levels(t.Context(), []inventory.Key{key})
	if err != nil || len(levels) != 1 {
		t.Fatalf("levels %v, %v; want one", levels, err)
	}
	return levels[0]
}

func (b stockFixture) wantLevel(t *testing.T, total, taken, next, version int64) {
	t.Helper()
	want := inventory.Level{Sale: key.Sale, Generation: key.Generation,
		Total: total, Taken: taken, NextUnit: next, Version: version}
	if got := b.level(t); got != want {
		t.Fatalf("level %+v, want %+v", got, want)
	}
}

func wantUnits(t *testing.T, got []int64, want ...int64) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("units %v, want %v", got, want)
	}
}

func TestNewGenerationHasNothingTaken(t *testing.T) {
	t.Parallel()
	b := openStock(t)
	b.must(t, func(ctx context.Context, tx pgx.Tx) error {
		level, err := b.BeginTx(ctx, tx, key, 5, 41)
		want := inventory.Level{Sale: 7, Generation: 3, Total: 5, Taken: 0, NextUnit: 1, Version: 41}
		if level != want || level.Key() != key || level.Left() != 5 {
			t.Errorf("began with %+v, want %+v", level, want)
		}
		return err
	})
	err := b.tx(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.BeginTx(ctx, tx, key, 9, 99)
		return err
	})
	if !errors.Is(err, inventory.ErrExists) {
		t.Fatalf("began twice: %v, want ErrExists", err)
	}
	b.wantLevel(t, 5, 0, 1, 41)
}

func TestUnitsAreNumberedFromOne(t *testing.T) {
	t.Parallel()
	b := openStock(t)
	b.begin(t, key, 5)
	wantUnits(t, b.take(t, 2), 1, 2)
	wantUnits(t, b.take(t, 3), 3, 4, 5)
	b.wantLevel(t, 5, 5, 6, 3)
}

func TestReturnedUnitsGoFirstLowestFirst(t *testing.T) {
	t.Parallel()
	b := openStock(t)
	b.begin(t, key, 6)
	b.take(t, 5)
	b.giveBack(t, 4, 2)
	b.wantLevel(t, 6, 3, 6, 4)
	wantUnits(t, b.take(t, 1), 2)
	wantUnits(t, b.take(t, 2), 4, 6) // one that came back, one new
	b.wantLevel(t, 6, 6, 7, 6)
	b.giveBack(t, 6)
	wantUnits(t, b.take(t, 1), 6)
}

func TestTakingNeverExceedsTheTotal(t *testing.T) {
	t.Parallel()
	b := openStock(t)
	b.begin(t, key, 3)
	for _, n := range []int64{4, 1 << 40} {
		err := b.tx(func(ctx context.Context, tx pgx.Tx) error {
			_, _, err := b.TakeTx(ctx, tx, key, n)
			return err
		})
		if !errors.Is(err, inventory.ErrShort) {
			t.Fatalf("take %d of 3: %v, want ErrShort", n, err)
		}
	}
	b.wantLevel(t, 3, 0, 1, 1)
	b.take(t, 3)
	b.giveBack(t, 1)
	err := b.tx(func(ctx context.Context, tx pgx.Tx) error {
		_, _, err := b.TakeTx(ctx, tx, key, 2)
		return err
	})
	if !errors.Is(err, inventory.ErrShort) {
		t.Fatalf("take 2 when one came back: %v, want ErrShort", err)
	}
}

// ErrShort leaves the transaction usable: the ledger goes on to decline the claim in it.
func TestARefusalLeavesTheTransactionUsable(t *testing.T) {
	t.Parallel()
	b := openStock(t)
	b.begin(t, key, 1)
	b.must(t, func(ctx context.Context, tx pgx.Tx) error {
		if _, _, err := b.TakeTx(ctx, tx, key, 2); !errors.Is(err, inventory.ErrShort) {
			t.Errorf("take 2 of 1: %v, want ErrShort", err)
		}
		units, level, err := b.TakeTx(ctx, tx, key, 1)
		if len(units) != 1 || level.Left() != 0 {
			t.Errorf("then took %v, level %+v", units, level)
		}
		if _, err := b.SetTotalTx(ctx, tx, key, 0); !errors.Is(err, inventory.ErrBelowTaken) {
			t.Errorf("total 0 with 1 taken: %v, want ErrBelowTaken", err)
		}
		return err
	})
	b.wantLevel(t, 1, 1, 2, 2)
}

func TestTakeNeedsAPositiveNumber(t *testing.T) {
	t.Parallel()
	b := openStock(t)
	b.begin(t, key, 3)
	for _, n := range []int64{0, -1} {
		if err := b.tx(func(ctx context.Context, tx pgx.Tx) error {
			_, _, err := b.TakeTx(ctx, tx, key, n)
			return err
		}); err == nil {
			t.Errorf("took %d units", n)
		}
	}
	b.wantLevel(t, 3, 0, 1, 1)
}

func TestOnlyTakenUnitsCanBeReturned(t *testing.T) {
	t.Parallel()
	b := openStock(t)
	b.begin(t, key, 5)
	b.take(t, 3)
	b.giveBack(t, 2)
	for name, unit := range map[string]int64{"returned before": 2, "never taken": 4, "zero": 0, "negative": -1} {
		err := b.tx(func(ctx context.Context, tx pgx.Tx) error {
			_, err := b.ReturnTx(ctx, tx, key, unit)
			return err
		})
		if !errors.Is(err, inventory.ErrUnit) {
			t.Errorf("%s unit: %v, want ErrUnit", name, err)
		}
	}
	b.wantLevel(t, 5, 2, 4, 3)
}

func TestTotalMayNotFallBelowWhatIsTaken(t *testing.T) {
	t.Parallel()
	b := openStock(t)
	b.begin(t, key, 10)
	b.take(t, 10)
	b.giveBack(t, 1, 2, 3)
	set := func(total int64) error {
		return b.tx(func(ctx context.Context, tx pgx.Tx) error {
			_, err := b.SetTotalTx(ctx, tx, key, total)
			return err
		})
	}
	if err := set(6); !errors.Is(err, inventory.ErrBelowTaken) {
		t.Fatalf("6 of 7 sold: %v, want ErrBelowTaken", err)
	}
	if err := set(7); err != nil {
		t.Fatalf("down to what is sold: %v", err)
	}
	b.wantLevel(t, 7, 7, 11, 6)
	if err := set(8); err != nil {
		t.Fatal(err)
	}
	wantUnits(t, b.take(t, 1), 1) // a label beyond the total stays with its owner; the lowest free one is next
}

func TestUnknownStock(t *testing.T) {
	t.Parallel()
	b := openStock(t)
	for name, work := range map[string]func(ctx context.Context, tx pgx.Tx) error{
		"take":   func(ctx context.Context, tx pgx.Tx) error { _, _, err := b.TakeTx(ctx, tx, key, 1); return err },
		"return": func(ctx context.Context, tx pgx.Tx) error { _, err := b.ReturnTx(ctx, tx, key, 1); return err },
		"total":  func(ctx context.Context, tx pgx.Tx) error { _, err := b.SetTotalTx(ctx, tx, key, 1); return err },
	} {
		if err := b.tx(work); !errors.Is(err, inventory.ErrUnknown) {
			t.Errorf("%s: %v, want ErrUnknown", name, err)
		}
	}
}

func TestLockingLeavesOutUnknownKeysAndSorts(t *testing.T) {
	t.Parallel()
	b := openStock(t)
	keys := []inventory.Key{{Sale: 2, Generation: 1}, {Sale: 1, Generation: 2}, {Sale: 1, Generation: 1}}
	for _, k := range keys {
		b.begin(t, k, 1)
	}
	var locked []inventory.Key
	b.must(t, func(ctx context.Context, tx pgx.Tx) error {
		levels, err := b.LockTx(ctx, tx, append(keys, inventory.Key{Sale: 9, Generation: 9}))
		for _, level := range levels {
			locked = append(locked, level.Key())
		}
		return err
	})
	slices.Reverse(keys)
	if !slices.Equal(locked, keys) {
		t.Fatalf("locked %v, want %v", locked, keys)
	}
	all, err := b.Levels(t.Context(), nil)
	if err != nil || len(all) != 3 {
		t.Fatalf("all levels: %v, %v; want 3", all, err)
	}
	none, err := b.Levels(t.Context(), []inventory.Key{})
	if err != nil || len(none) != 0 {
		t.Fatalf("levels of no keys: %v, %v", none, err)
	}
}

// The reconciler reads the total and the owners at one moment: later changes must not show.
func TestLevelIsReadAtTheTransactionsMoment(t *testing.T) {
	t.Parallel()
	b := openStock(t)
	b.begin(t, key, 5)
	moment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(t.Context(), b.pool, moment, func(tx pgx.Tx) error {
		if _, err := b.LevelTx(t.Context(), tx, inventory.Key{Sale: 404}); !errors.Is(err, inventory.ErrUnknown) {
			t.Errorf("unknown stock: %v, want ErrUnknown", err)
		}
		b.take(t, 2) // in a transaction of its own
		level, err := b.LevelTx(t.Context(), tx, key)
		if level.Taken != 0 {
			t.Errorf("taken %d, want the 0 of the moment", level.Taken)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b.wantLevel(t, 5, 2, 3, 2)
}

// The table itself refuses what the code must never try.
func TestTableRefusesOverselling(t *testing.T) {
	t.Parallel()
	b := openStock(t)
	b.begin(t, key, 5)
	for _, sql := range []string{
		`UPDATE stock SET taken = 6, next_unit = 7`,
		`UPDATE stock SET taken = -1`,
		`UPDATE stock SET taken = 3`, // without numbers for them
		`UPDATE stock SET total = -1`,
	} {
		_, err := b.pool.Exec(t.Context(), sql)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "23514" {
			t.Errorf("%s: %v, want a check violation", sql, err)
		}
	}
}

// Transactions that take and return at the same time give every unit to one owner at a time.
func TestConcurrentTakersShareNoUnit(t *testing.T) {
	t.Parallel()
	b := openStock(t)
	const total, workers, rounds = 40, 6, 30
	b.begin(t, key, total)
	var mu sync.Mutex
	owned := map[int64]bool{}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			var mine []int64
			for round := range rounds {
				var units []int64
				err := b.tx(func(ctx context.Context, tx pgx.Tx) (err error) {
					units, _, err = b.TakeTx(ctx, tx, key, int64(1+(w+round)%4))
					return err
				})
				if err != nil && !errors.Is(err, inventory.ErrShort) {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, unit := range units {
					if owned[unit] || unit < 1 || unit > total {
						t.Errorf("unit %d given out twice or out of range", unit)
					}
					owned[unit] = true
				}
				mu.Unlock()
				mine = append(mine, units...)
				if len(mine) == 0 || round == rounds-1 {
					continue
				}
				unit := mine[0]
				mine = mine[1:]
				mu.Lock()
				delete(owned, unit) // before the commit, so that the next owner never looks like a second one
				mu.Unlock()
				if err := b.tx(func(ctx context.Context, tx pgx.Tx) error {
					_, err := b.ReturnTx(ctx, tx, key, unit)
					return err
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if level := b.level(t); level.Taken != int64(len(owned)) {
		t.Fatalf("taken %d, but %d units have owners", level.Taken, len(owned))
	}
}
