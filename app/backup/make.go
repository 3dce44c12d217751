package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"flashsale/events/claimlog"
)

// Source is the deployment that a backup is made of. All fields are required, except LogDir.
type Source struct {
	// DatabaseURL is the address of the embedded PostgreSQL.
	DatabaseURL string
	// Log is the claims log, embedded or not.
	Log *claimlog.Log
	// LogDir is where an embedded log lies; empty: the log is on brokers and stays there.
	LogDir string
	// Program, Namespace and Schema are those of the manifest.
	Program, Namespace string
	Schema             int64
}

// Progress is told how much of a step is done, in bytes; total is an estimate and may grow.
type Progress func(step string, done, total int64)

// Make writes a backup into a directory, which is made, or is empty, or holds what a backup that was cut off has left. It may run while
// the deployment sells. When it fails, what it has written is removed.
func Make(ctx context.Context, from Source, dir string, progress Progress) (m Manifest, err error) {
	if err := begin(dir); err != nil {
		return m, err
	}
	m = Manifest{Format: format, Began: now(), Program: from.Program, Namespace: from.Namespace, Schema: from.Schema}
	defer func() {
		if err != nil {
			err = errors.Join(err, clean(dir))
		}
	}()
	if err := m.addDatabase(ctx, from, dir, progress); err != nil {
		return m, err
	}
	if err := m.addLog(ctx, from, dir, progress); err != nil {
		return m, err
	}
	m.Ended = now()
	if err := errors.Join(ctx.Err(), syncDir(dir)); err != nil {
		return m, err
	}
	if err := m.write(dir); err != nil {
		return m, err
	}
	return m, errors.Join(os.Remove(filepath.Join(dir, unfinished)), syncDir(dir))
}

// syncDir makes the names in a directory durable. Windows does so by itself, and syncs no directory.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("make the backup durable: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// begin makes the directory and claims it. One that holds anything else than an unfinished backup is left as it is.
func begin(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return fmt.Errorf("make the directory of the backup: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the directory of the backup: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look at the directory of the backup: %w", err)
	}
	leftOver := slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == unfinished })
	for _, e := range entries {
		if !leftOver || !slices.Contains(own(), e.Name()) || e.Name() == manifestFile {
			return fmt.Errorf("%s is not empty (it holds %q); no backup was made: name a new directory", dir, e.Name())
		}
	}
	if err := clean(dir); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("close the directory of the backup to others: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, unfinished), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write into the directory of the backup: %w", err)
	}
	return f.Close()
}

// own are the names that a backup gives its files.
func own() []string {
	return []string{unfinished, databaseFile, checksFile, logFile, manifestFile, manifestFile + ".new"}
}

// clean removes what an unfinished backup has left.
func clean(dir string) error {
	for _, name := range own() {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove an unfinished backup: %w", err)
		}
	}
	return nil
}

func (m *Manifest) addDatabase(ctx context.Context, from Source, dir string, progress Progress) (err error) {
	archive, err := create(dir, databaseFile)
	if err != nil {
		return err
	}
	checks, err := create(dir, checksFile)
	if err != nil {
		return errors.Join(err, archive.close(nil))
	}
	m.Postgres, err = copyDatabase(ctx, from.DatabaseURL, archive, checks, func(done, total int64) { progress("database", done, total) })
	return errors.Join(err, archive.close(m), checks.close(m))
}

// addLog comes after the database, so that the log has every record that the database has read.
func (m *Manifest) addLog(ctx context.Context, from Source, dir string, progress Progress) error {
	ranges, err := from.Log.Ranges(ctx, claimlog.EveryPartition()...)
	if err != nil {
		return err
	}
	m.Log = Log{ID: from.Log.ID(), Embedded: from.LogDir != ""}
	for _, p := range claimlog.EveryPartition() {
		m.Log.Claims = append(m.Log.Claims, Span{Partition: p, Start: ranges[p].Start, End: ranges[p].End})
	}
	if from.LogDir == "" {
		return nil
	}
	archive, err := create(dir, logFile)
	if err != nil {
		return err
	}
	archive.written = func(n int64) { progress("log", n, n) }
	return errors.Join(packLog(ctx, from.LogDir, archive), archive.close(m))
}

// file is a file of a backup while it is written.
type file struct {
	*os.File
	name    string
	sum     hash.Hash
	size    int64
	written func(int64)
}

func create(dir, name string) (*file, error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write the backup: %w", err)
	}
	return &file{File: f, name: name, sum: sha256.New(), written: func(int64) {}}, nil
}

func (f *file) Write(b []byte) (int, error) {
	n, err := f.File.Write(b)
	f.sum.Write(b[:n])
	f.size += int64(n)
	f.written(f.size)
	return n, err
}

// close makes the file durable and names it in the manifest; nil: it is thrown away.
func (f *file) close(m *Manifest) error {
	err := errors.Join(f.Sync(), f.File.Close())
	if err == nil && m != nil {
		m.Files = append(m.Files, File{Name: f.name, Size: f.size, SHA256: hex.EncodeToString(f.sum.Sum(nil))})
	}
	return err
}

// check reads a file of a backup and compares it with the manifest.
func (f File) check(ctx context.Context, dir string, read func(int64)) (err error) {
	opened, err := os.Open(filepath.Join(dir, f.Name))
	if err != nil {
		return fmt.Errorf("%s holds %w any more: %w", dir, ErrIncomplete, err)
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	sum := sha256.New()
	buffer := make([]byte, 1<<20)
	var size int64
	for {
		n, err := opened.Read(buffer)
		sum.Write(buffer[:n])
		size += int64(n)
		read(int64(n))
		if errors.Is(err, io.EOF) {
			break
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return fmt.Errorf("read the backup: %w", err)
		}
	}
	if size != f.Size || hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
		return fmt.Errorf("%s holds %w any more: %s is not what was written (%d bytes of %d)", dir, ErrIncomplete, f.Name, size, f.Size)
	}
	return nil
}
