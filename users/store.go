package users

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Chunk is how many accounts one transaction creates: the roster is locked for a fraction of a second.
const Chunk = 20_000

// FirstShoppers is how many accounts of the series a new deployment has, and a reset makes exist.
const FirstShoppers = 10

// ErrChunk says that more accounts are missing than one transaction creates: EnsureSeries creates them.
var ErrChunk = errors.New("more accounts are missing than one transaction creates")

// Store is the accounts in Postgres. It is safe for concurrent use, by several processes too.
type Store struct{ pool *pgxpool.Pool }

// NewStore uses a pool whose search_path is the schema of the migrations.
func NewStore(pool *pgxpool.Pool) *Store { return &Store{pool: pool} }

// EnsureSeries makes the first n accounts of the series exist (SeriesName), and before them the ten names without a
// number, and returns how many of the n were created or revived. Live accounts are not changed, except that bob_wilson,
// charlie_davis and fiona_rodriguez, with and without a number, may not purchase afterwards. Accounts that are known to
// exist cost nothing.
//
// It works in chunks, each a transaction of its own, and calls progress (which may be nil) after each. After an error the
// chunks before it are kept, and calling again completes the series. n is at most MaxSeries.
//
// An account that somebody can, or could, sign in as is a person's: it is neither revived nor barred.
func (s *Store) EnsureSeries(ctx context.Context, n int, progress func(done, total int)) (created int, err error) {
	if n < 0 || n > MaxSeries {
		return 0, fmt.Errorf("a series of %d accounts: it has 0 to %d", n, MaxSeries)
	}
	for done := 0; done < n; {
		err := s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
			now, err := readRoster(tx.QueryRow(ctx, lockRoster))
			if err != nil {
				return err
			}
			to := min(int(now.Series)+Chunk, n)
			more, err := s.extendTx(ctx, tx, int(now.Series), to)
			done, created = to, created+more
			return err
		})
		if err != nil {
			return created, err
		}
		if progress != nil {
			progress(done, n)
		}
	}
	return created, nil
}

// EnsureSeriesTx is EnsureSeries in the caller's READ COMMITTED transaction. It keeps the roster locked, which every other
// change of accounts waits for, until that ends. When more than Chunk accounts are missing it creates none and returns
// ErrChunk.
func (s *Store) EnsureSeriesTx(ctx context.Context, tx pgx.Tx, n int) (created int, err error) {
	if n < 0 || n > MaxSeries {
		return 0, fmt.Errorf("a series of %d accounts: it has 0 to %d", n, MaxSeries)
	}
	now, err := readRoster(tx.QueryRow(ctx, lockRoster))
	if err != nil {
		return 0, err
	}
	if n-int(now.Series) > Chunk {
		return 0, ErrChunk
	}
	return s.extendTx(ctx, tx, int(now.Series), n)
}

// EnsureAbleTx makes as much of the series exist as it takes until n of its accounts may purchase. When some of these may
// not, it adds as many as it takes until n accounts of the roster may. It works in the caller's READ COMMITTED transaction
// and for at most Chunk missing accounts. No account is archived.
func (s *Store) EnsureAbleTx(ctx context.Context, tx pgx.Tx, n int) error {
	for able := n; ; {
		if _, err := s.EnsureSeriesTx(ctx, tx, AbleLength(able)); err != nil {
			return err
		}
		now, err := readRoster(tx.QueryRow(ctx, lockRoster))
		if err != nil {
			return err
		}
		lacking := int(int64(n) - now.Able)
		if lacking <= 0 {
			return nil
		}
		able += lacking
	}
}

// extendTx makes the series exist up to an account when it is known to exist up to another. The roster is locked.
func (s *Store) extendTx(ctx context.Context, tx pgx.Tx, from, to int) (created int, err error) {
	if to <= from {
		return 0, nil
	}
	if from == 0 {
		if _, err := s.ensureTx(ctx, tx, unnumbered()); err != nil {
			return 0, err
		}
	}
	if created, err = s.ensureTx(ctx, tx, series(from, to)); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, updateSeries, to); err != nil {
		return 0, fmt.Errorf("create accounts: %w", err)
	}
	return created, nil
}

// ArchiveAllTx hides every account at one moment, but those of ProtectTx, in the caller's READ COMMITTED transaction, and
// returns how many it hid. Their names are not free for others. It keeps the roster locked until that ends.
func (s *Store) ArchiveAllTx(ctx context.Context, tx pgx.Tx) (int64, error) {
	hidden, err := change(ctx, tx, archiveAll)
	if err != nil {
		return 0, fmt.Errorf("archive accounts: %w", err)
	}
	return hidden, nil
}

// Live is how many accounts there are that are not archived.
func (s *Store) Live(ctx context.Context) (int64, error) {
	now, err := s.Roster(ctx)
	return now.Live, err
}

// RosterTx is Roster in the caller's transaction. It locks nothing.
func (s *Store) RosterTx(ctx context.Context, tx pgx.Tx) (Roster, error) {
	return readRoster(tx.QueryRow(ctx, selectRoster))
}

// AloneTx is true for one transaction at a time, until that ends: for work on accounts that takes several transactions, and for what
// must not come between them. It locks nothing else.
func (s *Store) AloneTx(ctx context.Context, tx pgx.Tx) (alone bool, err error) {
	err = tx.QueryRow(ctx, lockAlone).Scan(&alone)
	return alone, err
}

// ensureTx creates what does not exist and revives what is archived, in the order given, and bars who may not purchase.
// It returns how many accounts were created or revived.
func (s *Store) ensureTx(ctx context.Context, tx pgx.Tx, list []entry) (int, error) {
	rows, err := seedRows(list)
	if err != nil {
		return 0, err
	}
	columns := []string{"ordinal", "username", "username_key", "email", "email_key", "may_purchase"}
	if _, err := tx.Exec(ctx, createSeeding); err != nil {
		return 0, fmt.Errorf("create accounts: %w", err)
	}
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"seeding"}, columns, pgx.CopyFromRows(rows)); err != nil {
		return 0, fmt.Errorf("create accounts: %w", err)
	}
	created, err := change(ctx, tx, insertSeeding)
	if err != nil {
		return 0, fmt.Errorf("create accounts: %w", err)
	}
	// The transaction may create accounts again.
	if _, err := tx.Exec(ctx, dropSeeding); err != nil {
		return 0, fmt.Errorf("create accounts: %w", err)
	}
	return int(created), nil
}

func seedRows(list []entry) ([][]any, error) {
	rows := make([][]any, len(list))
	for i, e := range list {
		email := e.username + "@example.com"
		usernameKey, err := NormalName(e.username)
		if err != nil {
			return nil, fmt.Errorf("username %q: %w", e.username, err)
		}
		emailKey, err := NormalName(email)
		if err != nil {
			return nil, fmt.Errorf("address %q: %w", email, err)
		}
		rows[i] = []any{int32(i), e.username, usernameKey, email, emailKey, e.mayPurchase}
	}
	return rows, nil
}

// transact is a transaction of the store's own. It waits for no lock longer than lockTimeout. It is read committed, whatever the server's default, because a
// statement after the lock of the roster must see what was committed before the lock.
func (s *Store) transact(ctx context.Context, do func(context.Context, pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, limitLocks, strconv.FormatInt(lockTimeout.Milliseconds(), 10)); err != nil {
			return fmt.Errorf("bound the waits for locks: %w", err)
		}
		return do(ctx, tx)
	})
}

// change locks the roster, then runs a statement that is given the next version, then args, and returns how many accounts it
// changed, by how much it changed live and able, and the number to return.
func change(ctx context.Context, tx pgx.Tx, statement string, args ...any) (result int64, err error) {
	before, err := readRoster(tx.QueryRow(ctx, lockRoster))
	if err != nil {
		return 0, err
	}
	next := before.Version + 1
	var touched, live, able int64
	if err := tx.QueryRow(ctx, statement, append([]any{replan, next}, args...)...).Scan(&touched, &live, &able, &result); err != nil {
		return 0, err
	}
	if touched == 0 {
		return 0, nil
	}
	_, err = tx.Exec(ctx, updateRoster, next, live, able)
	return result, err
}
