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
)

// ErrInUse is returned for a data directory that another process uses. The wrapping error says which.
var ErrInUse = errors.New("data directory in use")

const (
	lockFile  = "lock"
	ownerFile = "holder.json"
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

// Lock takes dir, which must exist, for this process, or returns ErrInUse at once with a sentence that says who has it.
func Lock(dir string) (*DirLock, error) {
	l := &DirLock{dir: dir, flock: flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600))}
	taken, err := l.flock.TryLock()
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
	// The note goes first: once the lock is free, the note may already be the next process's.
	if err := os.Remove(filepath.Join(l.dir, ownerFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return errors.Join(fmt.Errorf("unlock the data directory: %w", err), l.flock.Unlock())
	}
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
