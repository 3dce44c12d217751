package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"flashsale/app/embedded/datadir"
)

// Place puts data that come from a backup into a data directory that has none: PostgreSQL's of that major version, and the log's when
// log is not nil. Each function fills an empty directory. What is unfinished has another name until both are whole, so that no start
// takes it for data. The caller has the lock, and removes what is left when Place fails.
func Place(ctx context.Context, dir string, major int, database, log func(into string) error) error {
	at := filepath.Join(dir, datadir.Postgres)
	if err := os.MkdirAll(at, 0o700); err != nil {
		return fmt.Errorf("make the PostgreSQL directory: %w", err)
	}
	data, err := filled(at, database)
	if err != nil {
		return err
	}
	if err := give(ctx, data); err != nil {
		return err
	}
	// The log comes first: without it the database would begin a new one, and what the log has would be lost.
	if log != nil {
		records, err := filled(at, log)
		if err != nil {
			return err
		}
		if err := os.Rename(records, filepath.Join(dir, datadir.Kafka)); err != nil {
			return fmt.Errorf("put the log into its place: %w", err)
		}
	}
	if err := os.Rename(data, filepath.Join(at, strconv.Itoa(major))); err != nil {
		return fmt.Errorf("put the PostgreSQL data into its place: %w", err)
	}
	return errors.Join(syncDir(at), syncDir(dir))
}

// filled is a new directory with what fill has put into it.
func filled(at string, fill func(into string) error) (string, error) {
	making, err := os.MkdirTemp(at, "unfinished-")
	if err != nil {
		return "", fmt.Errorf("make a directory for what is restored: %w", err)
	}
	return making, fill(making)
}

// give makes the data those of the user as whom PostgreSQL runs, where that is another one than this process's.
func give(ctx context.Context, data string) error {
	as, err := identify(ctx, "")
	if err != nil || !as.other() {
		return err
	}
	root, err := os.OpenRoot(data)
	if err != nil {
		return fmt.Errorf("hand the data directory to an ordinary user: %w", err)
	}
	err = fs.WalkDir(root.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, root.Lchown(path, as.UID, as.GID))
	})
	if err = errors.Join(err, root.Close()); err != nil {
		return fmt.Errorf("hand the data directory to an ordinary user: %w", err)
	}
	return giveAway(data, as)
}
