package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"flashsale/app/embedded"
	"flashsale/app/embedded/datadir"
)

// Check reads every file of a backup and compares it with the manifest. ErrIncomplete: one is missing or damaged.
func Check(ctx context.Context, dir string, m Manifest, progress Progress) error {
	var done int64
	for _, f := range m.Files {
		if !slices.Contains(own(), f.Name) {
			return fmt.Errorf("%s holds %w: its manifest names %q, which is no file of one", dir, ErrIncomplete, f.Name)
		}
		err := f.check(ctx, dir, func(n int64) {
			done += n
			progress("check", done, m.Size())
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Place puts a backup that was checked into a data directory, which is empty or not there. newer, when it is not empty, is a data
// directory whose log is taken instead of the backup's: that of the deployment, which has what happened since. When Place fails, the
// data directory is as it was before.
func Place(ctx context.Context, dir string, m Manifest, into, newer string, progress Progress) (err error) {
	if err := Unused(into); err != nil {
		return err
	}
	var old *embedded.DirLock
	if newer != "" {
		if old, err = lockOld(newer, m); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, old.Unlock()) }()
	}
	lock, err := embedded.Occupy(into)
	if err != nil {
		return err
	}
	var done int64
	count := func(n int) { done += int64(n); progress("restore", done, max(done, m.Size())) }
	database := func(at string) error { return unpackFile(ctx, filepath.Join(dir, databaseFile), at, count) }
	var log func(at string) error
	switch {
	case newer != "":
		log = func(at string) error { return copyLog(ctx, filepath.Join(newer, datadir.Kafka), at, count) }
	case m.Log.Embedded:
		log = func(at string) error { return unpackFile(ctx, filepath.Join(dir, logFile), at, count) }
	}
	if err := embedded.Place(ctx, into, m.Postgres.Major, database, log); err != nil {
		_, removing := datadir.Remove(context.WithoutCancel(ctx), into)
		return errors.Join(fmt.Errorf("nothing was restored: %w", err), removing, lock.Remove())
	}
	return lock.Unlock()
}

// Unused is an error for a data directory that anything lies in.
func Unused(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return datadir.Unusable(err)
	}
	for _, e := range entries {
		if e.Name() != "lost+found" {
			return fmt.Errorf("nothing was restored: the data directory %s is not empty (it holds %q); set DATA_DIR to an empty one, or move it away", dir, e.Name())
		}
	}
	return nil
}

// lockOld takes the data directory whose log is to be copied, so that nobody writes there, and looks whether it is the log that the
// database of the backup has read.
func lockOld(dir string, m Manifest) (*embedded.DirLock, error) {
	if !datadir.HasLog(dir) {
		return nil, fmt.Errorf("nothing was restored: there is no log of an embedded Kafka in %s; name the data directory that has one", dir)
	}
	id, err := datadir.LogID(dir)
	if err != nil {
		return nil, fmt.Errorf("nothing was restored: %w", err)
	}
	if !m.Log.Embedded || !strings.HasPrefix(m.Log.ID, id+"/") {
		return nil, fmt.Errorf("nothing was restored: the log in %s is another one than the backup's", dir)
	}
	lock, err := embedded.Lock(dir)
	if err != nil {
		return nil, fmt.Errorf("nothing was restored: %w", err)
	}
	return lock, nil
}

func unpackFile(ctx context.Context, from, into string, count func(int)) (err error) {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := unpack(ctx, counted{f, count}, into); err != nil {
		return fmt.Errorf("unpack %s: %w", from, err)
	}
	return nil
}

// copyLog copies the log of a data directory that nobody uses.
func copyLog(ctx context.Context, from, into string, count func(int)) error {
	read, write := io.Pipe()
	packed := make(chan error, 1)
	go func() {
		err := packLog(ctx, from, write)
		_ = write.CloseWithError(err)
		packed <- err
	}()
	err := unpack(ctx, counted{read, count}, into)
	_ = read.CloseWithError(errors.New("not read any more"))
	return errors.Join(err, <-packed)
}

// counted tells how much is read.
type counted struct {
	io.Reader
	count func(int)
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.count(n)
	return n, err
}
