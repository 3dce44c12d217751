package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// certificateTime bounds every statement about certificates.
const certificateTime = 5 * time.Second

// sealing encrypts what is kept. What a text is about is authenticated with it; current is false when it should be sealed anew.
type sealing interface {
	Seal(ctx context.Context, about string, text []byte) ([]byte, error)
	Open(ctx context.Context, about string, sealed []byte) (text []byte, current bool, err error)
}

// Certificates is what the processes of a deployment share about the certificates of its public name: texts under keys that are paths
// with slashes, sealed, in Postgres. They do not have to be certificates: an account, private keys and challenges belong to them. Safe
// for concurrent use, by several processes too.
type Certificates struct {
	pool    *pgxpool.Pool
	sealing sealing
}

// NewCertificates uses a pool whose search_path is the schema of the migrations.
func NewCertificates(pool *pgxpool.Pool, s sealing) *Certificates {
	return &Certificates{pool: pool, sealing: s}
}

// Save keeps a text, instead of one that was there.
func (c *Certificates) Save(ctx context.Context, key string, text []byte) error {
	ctx, cancel := context.WithTimeout(ctx, certificateTime)
	defer cancel()
	sealed, err := c.sealing.Seal(ctx, key, text)
	if err == nil {
		_, err = c.pool.Exec(ctx, sqlSaveCertificate, key, sealed)
	}
	if err != nil {
		return fmt.Errorf("keep %s: %w", key, err)
	}
	return nil
}

// Load is a text that was kept. fs.ErrNotExist: there is none.
func (c *Certificates) Load(ctx context.Context, key string) ([]byte, error) {
	text, _, _, err := c.open(ctx, key)
	return text, err
}

// open also says whether a text is sealed with the first key, and how it is kept.
func (c *Certificates) open(ctx context.Context, key string) (text []byte, current bool, sealed []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, certificateTime)
	defer cancel()
	err = missing(c.pool.QueryRow(ctx, sqlLoadCertificate, key).Scan(&sealed))
	if err == nil {
		text, current, err = c.sealing.Open(ctx, key, sealed)
	}
	if err != nil {
		return nil, false, nil, fmt.Errorf("read %s: %w", key, err)
	}
	return text, current, sealed, nil
}

// Renew seals everything anew that is not sealed with the first key, so that an older one may leave. The error is that of the first
// text for which it fails, as for one that no key here opens; the others are sealed all the same.
func (c *Certificates) Renew(ctx context.Context) error {
	keys, err := c.Keys(ctx, "")
	if err != nil {
		return err
	}
	var first error
	for _, key := range keys {
		if err := c.renew(ctx, key); err != nil && !errors.Is(err, fs.ErrNotExist) && first == nil {
			first = err
		}
	}
	return first
}

func (c *Certificates) renew(ctx context.Context, key string) error {
	text, current, sealed, err := c.open(ctx, key)
	if err != nil || current {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, certificateTime)
	defer cancel()
	anew, err := c.sealing.Seal(ctx, key, text)
	if err == nil {
		_, err = c.pool.Exec(ctx, sqlResealCertificate, key, sealed, anew) // unless somebody has written meanwhile
	}
	if err != nil {
		return fmt.Errorf("seal %s anew: %w", key, err)
	}
	return nil
}

// Delete removes a key and every key below it. Nothing there is no error.
func (c *Certificates) Delete(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, certificateTime)
	defer cancel()
	if _, err := c.pool.Exec(ctx, sqlDropCertificates, key); err != nil {
		return fmt.Errorf("remove %s: %w", key, err)
	}
	return nil
}

// Keys are a key and every key below it, in order; of "" all.
func (c *Certificates) Keys(ctx context.Context, prefix string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, certificateTime)
	defer cancel()
	rows, err := c.pool.Query(ctx, sqlCertificateKeys, prefix)
	var keys []string
	if err == nil {
		keys, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", prefix, err)
	}
	return keys, nil
}

// Stat says how long a sealed text is, in bytes, and since when it is so. fs.ErrNotExist: there is none.
func (c *Certificates) Stat(ctx context.Context, key string) (size int64, changed time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, certificateTime)
	defer cancel()
	if err := c.pool.QueryRow(ctx, sqlStatCertificate, key).Scan(&size, &changed); err != nil {
		return 0, time.Time{}, fmt.Errorf("look at %s: %w", key, missing(err))
	}
	return size, changed, nil
}

func missing(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return fs.ErrNotExist
	}
	return err
}
