package storefront

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	sqlVersion = `SELECT version FROM storefront_brand`
	// One statement sees one moment: the document and the pictures are of one version.
	sqlBrand = `SELECT b.version, b.document::text, p.name, p.kind, p.width, p.height, p.body
		FROM storefront_brand b LEFT JOIN storefront_pictures p ON true`
	sqlChange     = `UPDATE storefront_brand SET version = version + 1, document = $1::text::jsonb, changed_at = clock_timestamp() RETURNING version`
	sqlForget     = `DELETE FROM storefront_pictures`
	sqlPicture    = `INSERT INTO storefront_pictures (name, kind, width, height, body) VALUES ($1, $2, $3, $4, $5)`
	sqlNamed      = `SELECT coalesce(document ->> 'name', '') FROM storefront_brand FOR UPDATE`
	statementTime = 5 * time.Second
)

// Store is the brand in Postgres. It is safe for concurrent use.
type Store struct{ pool *pgxpool.Pool }

// NewStore uses a pool whose search_path is the schema of the migrations.
func NewStore(pool *pgxpool.Pool) *Store { return &Store{pool: pool} }

// Version is that of the brand now. It changes with every change of the brand.
func (s *Store) Version(ctx context.Context) (version int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	if err := s.pool.QueryRow(ctx, sqlVersion).Scan(&version); err != nil {
		return 0, fmt.Errorf("read the version of the brand: %w", err)
	}
	return version, nil
}

// Brand is the brand now; without one it is a brand that does not exist. A brand that another program has written and that breaks a
// rule is an error.
func (s *Store) Brand(ctx context.Context) (*Brand, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	rows, err := s.pool.Query(ctx, sqlBrand)
	if err != nil {
		return nil, fmt.Errorf("read the brand: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		return nil, fmt.Errorf("read the brand: %w", err)
	}
	b, err := fromRows(list)
	if err != nil {
		return nil, fmt.Errorf("the brand in the database is wrong: %w", err)
	}
	return b, nil
}

// row is the brand with one of its pictures, or with none.
type row struct {
	Version       int64
	Document      *string
	Name, Kind    *string
	Width, Height *int
	Body          []byte
}

func fromRows(list []row) (*Brand, error) {
	if len(list) == 0 {
		return &Brand{}, nil
	}
	if list[0].Document == nil {
		return &Brand{Version: list[0].Version}, nil
	}
	in, err := fields([]byte(*list[0].Document))
	if err != nil {
		return nil, err
	}
	b, err := fromFields(in)
	if err != nil {
		return nil, err
	}
	b.Version = list[0].Version
	for i := range list {
		if one := &list[i]; one.Name != nil {
			b.set(&Picture{*one.Name, *one.Kind, *one.Width, *one.Height, one.Body})
		}
	}
	return b, nil
}

// Changed is a change of the brand: the names before and after, empty for none.
type Changed struct {
	Version int64  `json:"version"`
	Before  string `json:"before"`
	After   string `json:"after"`
}

// SetTx replaces the brand in the caller's transaction. One that does not exist takes the brand away.
func (s *Store) SetTx(ctx context.Context, tx pgx.Tx, b *Brand) (ch Changed, err error) {
	ch.After = b.Name
	if err := tx.QueryRow(ctx, sqlNamed).Scan(&ch.Before); err != nil {
		return ch, fmt.Errorf("lock the brand: %w", err)
	}
	var document *string
	if b.Exists() {
		text := b.String()
		document = &text
	}
	if err := tx.QueryRow(ctx, sqlChange, document).Scan(&ch.Version); err != nil {
		return ch, fmt.Errorf("change the brand: %w", err)
	}
	if _, err := tx.Exec(ctx, sqlForget); err != nil {
		return ch, fmt.Errorf("remove the pictures of the brand before: %w", err)
	}
	for _, p := range b.Pictures() {
		if _, err := tx.Exec(ctx, sqlPicture, p.Name, p.Kind, p.Width, p.Height, p.Body); err != nil {
			return ch, fmt.Errorf("keep the picture %s: %w", p.Name, err)
		}
	}
	return ch, nil
}
