package backup

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	connectPatience = 10 * time.Second
	// silence is how long the server may send nothing. It begins with a checkpoint, which takes as long as the disk does.
	silence = 3 * time.Minute
)

// errTablespaces: what lies in a tablespace is outside the data directory, and an embedded server has none.
var errTablespaces = errors.New("the database has tablespaces outside its directory; copy it with pg_basebackup")

// baseBackup receives a base backup of a running PostgreSQL 15 or newer. The server sends an archive of its data directory with the
// part of the write-ahead log that belongs to it, and its own list of checksums, all of it in one stream of messages, whose first
// byte says what they are. (github.com/jackc/pglogrepl has helpers for this command in the form of older servers, an archive a stream.)
type baseBackup struct {
	conn *pgconn.PgConn
	// archive and checks receive the two files.
	archive, checks io.Writer
	// progress is told how much has come, of about how much, in bytes.
	progress func(done, total int64)

	into        io.Writer // one of the two
	done, total int64
	sets        [][][]string // what came as rows: the start, the tablespaces, the end
}

// copyDatabase writes the database at url into two files.
func copyDatabase(ctx context.Context, url string, archive, checks io.Writer, progress func(done, total int64)) (p Postgres, err error) {
	conn, err := replicate(ctx, url)
	if err != nil {
		return p, err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectPatience)
		defer cancel()
		_ = conn.Close(closing) // it has only read; the slot ends with it
	}()
	p.Version, _, _ = strings.Cut(conn.ParameterStatus("server_version"), " ")
	if p.Major, err = major(p.Version); err != nil {
		return p, err
	}
	if p.System, err = identifySystem(ctx, conn); err != nil {
		return p, err
	}
	// The slot keeps the write-ahead log from being recycled while the copy is made.
	slot := "flashsale_backup_" + strings.ToLower(rand.Text())
	if _, err := conn.Exec(ctx, "CREATE_REPLICATION_SLOT "+slot+" TEMPORARY PHYSICAL (RESERVE_WAL)").ReadAll(); err != nil {
		return p, fmt.Errorf("keep the write-ahead log for the backup: %w", err)
	}
	b := &baseBackup{conn: conn, archive: archive, checks: checks, progress: progress}
	if err := b.receive(ctx); err != nil {
		return p, fmt.Errorf("copy the database: %w", err)
	}
	p.Start, p.Timeline, p.End = b.sets[0][0][0], b.sets[0][0][1], b.sets[len(b.sets)-1][0][0]
	return p, nil
}

// replicate connects as a standby does.
func replicate(ctx context.Context, url string) (*pgconn.PgConn, error) {
	cfg, err := pgconn.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the address of the database is not understood") // the error may hold the password
	}
	cfg.RuntimeParams["replication"] = "true"
	ctx, cancel := context.WithTimeout(ctx, connectPatience)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL for a backup: %w", err)
	}
	return conn, nil
}

func identifySystem(ctx context.Context, conn *pgconn.PgConn) (string, error) {
	results, err := conn.Exec(ctx, "IDENTIFY_SYSTEM").ReadAll()
	if err == nil && (len(results) == 0 || len(results[0].Rows) == 0) {
		err = errors.New("no answer")
	}
	if err != nil {
		return "", fmt.Errorf("ask the database who it is: %w", err)
	}
	return string(results[0].Rows[0][0]), nil
}

// major is the first number of a version such as 15.18 or 19beta1.
func major(version string) (int, error) {
	end := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(version)
	}
	n, err := strconv.Atoi(version[:end])
	if err != nil {
		return 0, fmt.Errorf("the version of PostgreSQL, %q, is not understood", version)
	}
	return n, nil
}

// receive asks for the backup and reads to the end of the answer.
func (b *baseBackup) receive(ctx context.Context) error {
	b.conn.Frontend().SendQuery(&pgproto3.Query{String: `BASE_BACKUP (LABEL 'flashsale', PROGRESS, CHECKPOINT 'fast', WAL, MANIFEST 'yes', TARGET 'client')`})
	if err := b.conn.Frontend().Flush(); err != nil {
		return err
	}
	for {
		message, err := b.next(ctx)
		if err != nil {
			return err
		}
		switch m := message.(type) {
		case *pgproto3.ErrorResponse:
			return pgconn.ErrorResponseToPgError(m)
		case *pgproto3.RowDescription:
			b.sets = append(b.sets, nil)
		case *pgproto3.DataRow:
			err = b.row(m)
		case *pgproto3.CopyData:
			err = b.data(m.Data)
		case *pgproto3.ReadyForQuery:
			return b.complete()
		}
		if err != nil {
			return err
		}
	}
}

func (b *baseBackup) next(ctx context.Context) (pgproto3.BackendMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	return b.conn.ReceiveMessage(ctx)
}

// row keeps a row of the start, the tablespaces or the end.
func (b *baseBackup) row(m *pgproto3.DataRow) error {
	if len(b.sets) == 0 {
		return errors.New("the server's answer is not understood")
	}
	values := make([]string, len(m.Values))
	for i, v := range m.Values {
		values[i] = string(v)
	}
	if len(b.sets) == 2 { // a tablespace: its number, its place, its size in KiB; the data directory has neither of the first two
		if len(values) < 3 || values[0] != "" {
			return errTablespaces
		}
		kib, _ := strconv.ParseInt(values[2], 10, 64) // an estimate, for people
		b.total = kib << 10
	}
	last := len(b.sets) - 1
	b.sets[last] = append(b.sets[last], values)
	return nil
}

// data takes a message of the stream.
func (b *baseBackup) data(m []byte) (err error) {
	if len(m) == 0 {
		return errors.New("an empty message")
	}
	kind, rest := m[0], m[1:]
	switch kind {
	case 'n': // an archive begins: its name, its place
		if name, _, _ := bytes.Cut(rest, []byte{0}); string(name) != "base.tar" {
			return errTablespaces
		}
		b.into = b.archive
	case 'm':
		b.into = b.checks
	case 'd':
		if b.into == nil {
			return errors.New("data before the name of their archive")
		}
		if _, err = b.into.Write(rest); err == nil && b.into == b.archive {
			b.done += int64(len(rest))
			b.progress(b.done, max(b.total, b.done))
		}
	case 'p': // how far the server is; what has come is known
	default:
		err = fmt.Errorf("a message of the unknown kind %q", kind)
	}
	return err
}

// complete is an error when the server has ended its answer early.
func (b *baseBackup) complete() error {
	if len(b.sets) < 3 || b.into != b.checks || len(b.sets[0]) == 0 || len(b.sets[0][0]) < 2 || len(b.sets[len(b.sets)-1]) == 0 {
		return errors.New("the server ended it early")
	}
	return nil
}
