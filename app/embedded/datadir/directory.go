// Package datadir knows what a data directory holds. The product makes a directory of its own and puts a mark into it. It
// does not work in a directory that holds other things, because removing a deployment must never remove what somebody else
// made there; and what it removes is only what it is known to have made.
//
// Names of files that the embedded Kafka chooses are listed here. A test of the command line fails when a removed deployment
// leaves anything, so a name that is missing is noticed.
package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// What lies directly in a data directory.
const (
	// Mark says that the product made the directory.
	Mark = "made-by-flashsale"
	// LockFile is locked by the process that uses the directory, OwnerFile says which that is.
	LockFile  = "lock"
	OwnerFile = "holder.json"
	// RunFile tells commands where the servers of the running instance are.
	RunFile = "run.json"
	// Postgres and Kafka hold the data of the embedded servers.
	Postgres = "postgres"
	Kafka    = "kafka"
)

// PasswordFile lies in each data directory of PostgreSQL that the product made.
const PasswordFile = "flashsale_password"

const markText = `The embedded servers of flashsale keep their data in this directory.
"flashsale reset --wipe" removes it.
`

// ErrForeign is the error for a directory that the product did not make.
var ErrForeign = errors.New("it was not made by flashsale and holds other things")

// Check returns ErrForeign for a directory that holds other things and was not made by the product. A directory that does not
// exist or is empty is nobody's yet. It changes nothing.
func Check(dir string) error {
	names, err := list(dir)
	if err != nil || len(names) == 0 || slices.Contains(names, Mark) {
		return err
	}
	other := slices.DeleteFunc(slices.Clone(names), own)
	if len(other) == 0 || slices.Contains(names, LockFile) && (HasDatabase(dir) || HasLog(dir)) {
		return nil // made by a version that left no mark
	}
	return fmt.Errorf("DATA_DIR is %s; %w, like %q: set DATA_DIR to a directory of its own", dir, ErrForeign, other[0])
}

// Take puts the mark into a directory that holds nothing else. The caller has its lock. A directory in which a version
// without a mark works among other things gets none: it belongs to others too.
func Take(dir string) error {
	names, err := list(dir)
	if err != nil || slices.Contains(names, Mark) || slices.ContainsFunc(names, func(name string) bool { return !own(name) }) {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, Mark), []byte(markText), 0o600); err != nil {
		return fmt.Errorf("mark the data directory: %w", err)
	}
	return nil
}

// Used is true when a deployment has been started in the directory.
func Used(dir string) bool {
	names, err := list(dir)
	return err == nil && slices.Contains(names, LockFile) && Check(dir) == nil
}

// HasDatabase is true when a PostgreSQL data directory that the product made is in it.
func HasDatabase(dir string) bool {
	found, err := filepath.Glob(filepath.Join(dir, Postgres, "*", PasswordFile))
	return err == nil && slices.ContainsFunc(found, func(path string) bool { return isMajor(filepath.Base(filepath.Dir(path))) })
}

// HasLog is true when an embedded Kafka has its log in it.
func HasLog(dir string) bool {
	id, err := LogID(dir)
	return err == nil && strings.HasPrefix(id, LogPrefix)
}

// LogID is the identity of the log that an embedded Kafka has in it.
func LogID(dir string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(dir, Kafka, "meta.json"))
	var meta struct {
		ClusterID string `json:"cluster_id"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &meta)
	}
	if err != nil {
		return "", fmt.Errorf("read the log's identity: %w", err)
	}
	return meta.ClusterID, nil
}

// Unusable is the sentence about a data directory that cannot be read or written.
func Unusable(err error) error {
	return fmt.Errorf("DATA_DIR cannot be used (%w); set it to a directory that this user may write", err)
}

// LogPrefix begins the identity of each log of an embedded Kafka.
const LogPrefix = "embedded-"

// list is what lies in the directory, nothing for one that does not exist.
func list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, Unusable(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

// own is true for what the product makes in its directory, and for what file systems put into each of their roots.
func own(name string) bool {
	return slices.Contains([]string{Mark, LockFile, OwnerFile, OwnerFile + ".new", RunFile, Postgres, Kafka, "lost+found"}, name)
}

// isMajor is true for the name of a PostgreSQL data directory, the major version.
func isMajor(name string) bool {
	n, err := strconv.Atoi(name)
	return err == nil && n > 0
}
