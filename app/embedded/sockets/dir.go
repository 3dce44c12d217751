// Package sockets makes the private directories of Unix sockets: short, because a socket's path has at most 108 bytes
// whatever the data directory is called, and closed to every other user, because what listens there trusts whoever
// reaches it.
//
// A directory has a random name below the system's directory for temporary files, and in it a file that its process has
// locked. The lock ends with the process in any way, so that the next start removes what a killed process has left, and
// nothing else.
package sockets

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gofrs/flock"
)

const (
	prefix = "flashsale-"
	// longest is a path that fits everywhere: 104 bytes with the final zero on some systems, less the longest name of a file.
	longest = 103 - len("/.s.PGSQL.5432")
	private = 0o700
)

// Names of the sockets. A directory that holds anything else is not removed.
const (
	Kafka    = "kafka"
	Redis    = "redis"
	Postgres = ".s.PGSQL.5432"
	// postgresLock is made by Postgres beside its socket.
	postgresLock = Postgres + ".lock"
	// lock is held by the process that uses the directory.
	lock = "lock"
)

// Dir is a private directory for sockets.
type Dir struct {
	path  string
	alive *flock.Flock // held as long as the directory is used
}

// Make makes a directory that only this user can enter. The data directory is the last place where it may be, because its
// path is often too long.
func Make(data string) (*Dir, error) {
	var errs []error
	for _, base := range []string{os.TempDir(), "/tmp", data} {
		d, err := makeIn(base)
		if err == nil {
			return d, nil
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("make a directory for Unix sockets (TMPDIR names another place): %w", errors.Join(errs...))
}

// errTakenForLeftOver: between our making the directory and our taking its lock another start removed it.
var errTakenForLeftOver = errors.New("another start of the program took it for left over")

// attempts is how many names are tried in a place, when other starts come in between.
const attempts = 5

func makeIn(base string) (d *Dir, err error) {
	for range attempts {
		path := filepath.Join(base, prefix+strings.ToLower(rand.Text()[:16]))
		if len(path) > longest {
			return nil, fmt.Errorf("%s is too long a path for Unix sockets", path)
		}
		sweep(base)
		d = &Dir{path: path, alive: flock.New(filepath.Join(path, lock), flock.SetPermissions(0o600))}
		if err = d.make(); !errors.Is(err, errTakenForLeftOver) {
			break
		}
	}
	return d, err
}

func (d *Dir) make() error {
	if err := os.Mkdir(d.path, private); err != nil {
		return err
	}
	if err := os.Chmod(d.path, private); err != nil { // a umask may have closed it to ourselves
		return errors.Join(err, os.Remove(d.path))
	}
	taken, err := d.alive.TryLock()
	if err == nil || errors.Is(err, os.ErrNotExist) {
		// Who removes it has the lock meanwhile. Thus it is ours when we have the lock and it is still there.
		if _, gone := os.Lstat(filepath.Join(d.path, lock)); !taken || gone != nil {
			err = errTakenForLeftOver
		}
	}
	if err != nil {
		_ = d.alive.Unlock()
		return errors.Join(err, os.RemoveAll(d.path))
	}
	return nil
}

// Path is the directory.
func (d *Dir) Path() string { return d.path }

// Socket is the path of a socket in it.
func (d *Dir) Socket(name string) string { return filepath.Join(d.path, name) }

// Give makes the directory another user's. Only root may do so, and can still enter it.
func (d *Dir) Give(uid, gid int) error {
	if err := os.Chown(d.path, uid, gid); err != nil {
		return fmt.Errorf("hand the directory of the sockets to an ordinary user: %w", err)
	}
	return nil
}

// Remove removes the directory with its sockets.
func (d *Dir) Remove() {
	_ = d.alive.Unlock()
	removeSockets(d.path)
}

// sweep removes the directories whose processes have ended.
func sweep(base string) {
	found, err := filepath.Glob(filepath.Join(base, prefix+strings.Repeat("?", 16)))
	if err != nil {
		return
	}
	for _, path := range found {
		if ours(path) {
			removeAbandoned(path)
		}
	}
}

// removeAbandoned removes a directory whose lock nobody has. It keeps the lock until the directory is gone, so that nobody takes
// it in between; but on Windows, where a file that is open cannot be removed.
func removeAbandoned(path string) {
	alive := flock.New(filepath.Join(path, lock), flock.SetFlag(os.O_RDWR))
	defer func() { _ = alive.Unlock() }()
	if taken, err := alive.TryLock(); err != nil || !taken {
		return
	}
	if runtime.GOOS == "windows" {
		_ = alive.Unlock()
	}
	removeSockets(path)
}

// ours reports whether kind, owner and mode of a directory are as Make leaves them.
func ours(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() || !closed(info) {
		return false
	}
	file, err := os.Lstat(filepath.Join(path, lock))
	return err == nil && file.Mode().IsRegular() && mine(file)
}

// removeSockets removes what has our names and kinds and then the directory, which fails when anything else is in it.
func removeSockets(path string) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return
	}
	for _, name := range []string{Kafka, Redis, Postgres, postgresLock, lock} {
		info, err := root.Lstat(name)
		if err != nil {
			continue
		}
		if file := name == postgresLock || name == lock; file && info.Mode().IsRegular() || !file && isSocket(info.Mode()) {
			_ = root.Remove(name)
		}
	}
	_ = root.Close()
	_ = os.Remove(path)
}
