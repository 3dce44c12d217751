// Package backup makes a copy of a deployment on embedded servers, and puts one back. The database is copied through its replication
// protocol, while it works or not, so that no program of PostgreSQL is needed for it; the files of the log are copied after it. So the
// log of a backup is never older than its database, and what it has beyond the database is decided again when it is read.
//
// A backup is a directory of a few files. The manifest, which names the others with their checksums, is written last: without it there
// is no backup, however many files a copy that was cut off has left.
package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Names of the files of a backup.
const (
	manifestFile = "manifest.json"
	databaseFile = "postgres.tar"
	// checksFile is PostgreSQL's own list of the files in databaseFile, for its pg_verifybackup.
	checksFile = "backup_manifest"
	logFile    = "kafka.tar"
	// unfinished lies there while a backup is made.
	unfinished = "unfinished"
)

// format is the form of the manifest. A program reads its own and older ones.
const format = 1

// ErrIncomplete is returned for a directory that is no whole backup, or not any more.
var ErrIncomplete = errors.New("no whole backup")

// Manifest says what a backup is of.
type Manifest struct {
	Format int `json:"format"`
	// Began and Ended are by this machine's clock. The database is as it was at a moment between the two.
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended"`
	// Program is the version that made the backup, Namespace the name of the schema, Schema the number of its newest migration.
	Program   string   `json:"program"`
	Namespace string   `json:"namespace"`
	Schema    int64    `json:"schema"`
	Postgres  Postgres `json:"postgres"`
	Log       Log      `json:"log"`
	Files     []File   `json:"files"`
}

// Postgres is the database server, and from where to where its write-ahead log is needed.
type Postgres struct {
	Version  string `json:"version"`
	Major    int    `json:"major"`
	System   string `json:"system"`
	Timeline string `json:"timeline"`
	Start    string `json:"start"`
	End      string `json:"end"`
}

// Log is the claims log. Claims says where each partition of it began and ended when the database had been copied.
type Log struct {
	ID       string `json:"id"`
	Embedded bool   `json:"embedded"`
	Claims   []Span `json:"claims"`
}

// Span is from the first record that a partition has to where the next one will be.
type Span struct {
	Partition int   `json:"partition"`
	Start     int64 `json:"start"`
	End       int64 `json:"end"`
}

// File is one of the files of a backup.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Size is that of all files, in bytes.
func (m Manifest) Size() (bytes int64) {
	for _, f := range m.Files {
		bytes += f.Size
	}
	return bytes
}

// Read reads the manifest of a backup. ErrIncomplete: there is none, or one that this program does not understand.
func Read(dir string) (m Manifest, err error) {
	raw, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("%s holds %w: it has no %s, so it is another directory, or the backup was cut off", dir, ErrIncomplete, manifestFile)
	}
	if err != nil {
		return m, fmt.Errorf("read the backup: %w", err)
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, fmt.Errorf("%s holds %w: its %s is damaged: %w", dir, ErrIncomplete, manifestFile, err)
	}
	if m.Format < 1 || m.Format > format {
		return m, fmt.Errorf("the backup in %s was made by a newer version of this program (%s); restore it with that one", dir, m.Program)
	}
	if !slices.ContainsFunc(m.Files, func(f File) bool { return f.Name == databaseFile }) || m.Postgres.Major == 0 {
		return m, fmt.Errorf("%s holds %w: its %s names no database", dir, ErrIncomplete, manifestFile)
	}
	return m, nil
}

// write puts the manifest into the directory, as the last of the files.
func (m Manifest) write(dir string) error {
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	next := filepath.Join(dir, manifestFile+".new")
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	_, err = f.Write(append(raw, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	if err := os.Rename(next, filepath.Join(dir, manifestFile)); err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	return nil
}
