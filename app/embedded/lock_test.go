package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestLockSaysWhoUsesTheDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Lock(dir)
	if !errors.Is(err, ErrInUse) {
		t.Fatalf("second lock: %v, want ErrInUse", err)
	}
	for _, want := range []string{dir, fmt.Sprintf("process %d", os.Getpid()), filepath.Base(os.Args[0]), "since 20"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if err := l.Announce("http://localhost:3001"); err != nil {
		t.Fatal(err)
	}
	if _, err = Lock(dir); err == nil || !strings.Contains(err.Error(), "http://localhost:3001") {
		t.Errorf("%v does not say the address", err)
	}
}

func TestTheDirectoryCanBeLockedAgainAfterUnlock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Unlock(); err != nil {
		t.Fatal(err)
	}
	if l, err = Lock(dir); err != nil {
		t.Fatalf("lock after unlock: %v", err)
	}
	if err := l.Unlock(); err != nil {
		t.Fatal(err)
	}
}

func TestLockWithoutANoteStillRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Lock(dir); err != nil {
		t.Fatal(err)
	}
	for _, note := range []string{"", "{"} {
		if err := os.WriteFile(filepath.Join(dir, ownerFile), []byte(note), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Lock(dir); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "another process") {
			t.Errorf("with the note %q: %v", note, err)
		}
	}
}

func TestTheLockNoteIsPrivateAndHidesArguments(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Lock(dir); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, ownerFile))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm()&0o077 != 0 && exe == "" {
		t.Errorf("others may read the note: %v", info.Mode())
	}
	if words := strings.Fields(readLockOwner(dir).Command); len(words) > 2 {
		t.Errorf("the note shows arguments: %q", words)
	}
}

func TestLockOfAMissingDirectory(t *testing.T) {
	t.Parallel()
	if _, err := Lock(filepath.Join(t.TempDir(), "missing")); err == nil || errors.Is(err, ErrInUse) {
		t.Errorf("lock of a missing directory: %v", err)
	}
}

// Deployments are removed and begun again by many at the same time: a directory has one holder at a time, also when the lock
// that one of them waits for has just been removed.
func TestADirectoryThatIsRemovedHasOneHolderAtATime(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	var holders, held atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 300 {
				l, err := Occupy(dir)
				if err != nil {
					continue // in use, or removed in between
				}
				held.Add(1)
				if n := holders.Add(1); n > 1 {
					t.Errorf("%d holders", n)
				}
				runtime.Gosched()
				holders.Add(-1)
				if err := l.Remove(); err != nil {
					t.Errorf("remove: %v", err)
				}
			}
		})
	}
	all.Wait()
	if held.Load() < 8 {
		t.Errorf("it was held %d times", held.Load())
	}
}
