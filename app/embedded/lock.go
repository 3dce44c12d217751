package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"flashsale/app/embedded/datadir"
)

// ErrInUse is returned for a data directory that another process uses. The wrapping error says which.
var ErrInUse = errors.New("data directory in use")

const (
	lockFile  = datadir.LockFile
	ownerFile = datadir.OwnerFile
)

// DirLock is this process's lock of a data directory. The operating system ends it when the process ends in any way, so
// nobody ever has to remove one by hand.
type DirLock struct {
	dir   string
	flock *flock.Flock

	mu    sync.Mutex
	owner lockOwner
}

// lockOwner is what the directory says about the process that uses it. It is a file of its own because on some systems
// a locked file cannot be read by others.
type lockOwner struct {
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`
	Command string    `json:"command"`
	Address string    `json:"address,omitempty"`
}

// Occupy makes dir when it is missing and takes it for this process, as Lock does. A directory that holds other things and
// was not made by this program is refused, and nothing is made in it.
func Occupy(dir string) (*DirLock, error) {
	if err := datadir.Check(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, datadir.Unusable(err)
	}
	l, err := Lock(dir)
	if err != nil {
		return nil, err
	}
	if err := datadir.Take(dir); err != nil {
		return nil, errors.Join(err, l.Unlock())
	}
	return l, nil
}

// Lock takes dir, which must exist, for this process, or returns ErrInUse at once with a sentence that says who has it.
func Lock(dir string) (*DirLock, error) {
	l := &DirLock{dir: dir, flock: flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600))}
	taken, err := l.take()
	if err != nil {
		return nil, fmt.Errorf("lock the data directory %s: %w", dir, err)
	}
	if !taken {
		return nil, fmt.Errorf("%w: %s is used by %s; stop that process or choose another directory", ErrInUse, dir, readLockOwner(dir))
	}
	l.owner = lockOwner{PID: os.Getpid(), Since: time.Now().UTC().Truncate(time.Second), Command: commandLine()}
	if err := l.write(); err != nil {
		return nil, errors.Join(err, l.flock.Unlock())
	}
	return l, nil
}

// LockUsed is Lock for a directory in which a deployment was started, and nil for any other one.
func LockUsed(dir string) (*DirLock, error) {
	if !datadir.Used(dir) {
		return nil, nil
	}
	return Lock(dir)
}

// take locks the file that lies in the directory. The one that was opened may have been removed before it was locked, with
// the deployment whose lock it was; then another process may hold the new one.
func (l *DirLock) take() (bool, error) {
	for {
		taken, err := l.flock.TryLock()
		if err != nil || !taken {
			return false, err
		}
		mine, err := l.flock.Stat()
		if err != nil {
			return false, errors.Join(err, l.flock.Unlock())
		}
		there, err := os.Stat(l.flock.Path())
		if err == nil && os.SameFile(mine, there) {
			return true, nil
		}
		if err := errors.Join(l.flock.Unlock(), ignoreMissing(err)); err != nil {
			return false, err
		}
	}
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Announce adds the address at which this process answers to what others are told.
func (l *DirLock) Announce(address string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owner.Address = address
	return l.write()
}

// Unlock gives the directory back.
func (l *DirLock) Unlock() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.removeNote(); err != nil {
		return errors.Join(err, l.flock.Unlock())
	}
	return l.free()
}

// Remove gives the directory back without the lock, and removes the directory too when nothing else is left in it. Whatever
// is removed goes while the lock is held: afterwards it may be the next process's.
func (l *DirLock) Remove() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := errors.Join(l.removeNote(), datadir.Unmark(l.dir)); err != nil {
		return errors.Join(err, l.flock.Unlock())
	}
	removed := os.Remove(l.flock.Path())
	if err := l.free(); err != nil {
		return err
	}
	if removed != nil { // some systems remove no file that is open
		if err := ignoreMissing(os.Remove(l.flock.Path())); err != nil {
			return fmt.Errorf("remove the lock of the data directory: %w", err)
		}
	}
	return datadir.RemoveEmpty(l.dir)
}

// removeNote goes before the lock is free: afterwards the note may already be the next process's.
func (l *DirLock) removeNote() error {
	if err := ignoreMissing(os.Remove(filepath.Join(l.dir, ownerFile))); err != nil {
		return fmt.Errorf("unlock the data directory: %w", err)
	}
	return nil
}

func (l *DirLock) free() error {
	if err := l.flock.Unlock(); err != nil {
		return fmt.Errorf("unlock the data directory: %w", err)
	}
	return nil
}

func (l *DirLock) write() error {
	b, err := json.Marshal(l.owner)
	if err != nil {
		return fmt.Errorf("describe the process: %w", err)
	}
	return writeFile(filepath.Join(l.dir, ownerFile), append(b, '\n'))
}

// readLockOwner describes the process as well as the directory allows; the note may be missing for a moment.
func readLockOwner(dir string) lockOwner {
	var h lockOwner
	if b, err := os.ReadFile(filepath.Join(dir, ownerFile)); err == nil {
		_ = json.Unmarshal(b, &h)
	}
	return h
}

func (h lockOwner) String() string {
	if h.PID == 0 {
		return "another process"
	}
	s := fmt.Sprintf("%q (process %d, since %s", h.Command, h.PID, h.Since.Format("2006-01-02 15:04:05 MST"))
	if h.Address != "" {
		s += ", " + h.Address
	}
	return s + ")"
}

// commandLine is the program and its command. What follows is left out, because it may be secret.
func commandLine() string {
	words := append([]string{filepath.Base(os.Args[0])}, os.Args[1:]...)
	return strings.Join(words[:min(len(words), 2)], " ")
}

// writeFile replaces the file as a whole, readable by its owner only.
func writeFile(path string, b []byte) error {
	next := path + ".new"
	if err := os.WriteFile(next, b, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
