package kafka

import (
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// watched is a disk with the directory of one partition, whose synced names it notes.
type watched struct {
	*disk
	t      *testing.T
	dir    string
	mu     sync.Mutex
	synced []string
}

func watch(t *testing.T) *watched {
	t.Helper()
	w := &watched{disk: newDisk(t.TempDir(), slog.New(slog.DiscardHandler)), t: t}
	t.Cleanup(w.close)
	w.dir = filepath.Join(w.disk.dir, "a-0")
	w.sync = func(f *os.File) error {
		if filepath.Ext(f.Name()) == ".dat" {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.synced = append(w.synced, filepath.Base(f.Name()))
		}
		return f.Sync()
	}
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return w
}

// write appends to a file; one that is new appears in the directory as if no time had passed since the last change of it.
func (w *watched) write(name string, sameTick bool) {
	w.t.Helper()
	before, err := os.Stat(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(w.dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := f.WriteString("a record"); err != nil {
		w.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		w.t.Fatal(err)
	}
	if sameTick {
		if err := os.Chtimes(w.dir, before.ModTime(), before.ModTime()); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *watched) wantSynced(names ...string) {
	w.t.Helper()
	w.synced = nil
	if err := w.settle([]partition{{"a", 0}}); err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(w.synced)
	if !slices.Equal(w.synced, names) {
		w.t.Errorf("synced %q, want %q", w.synced, names)
	}
}

// listed is true when the last settle listed the directory. A file that nobody could see otherwise is the proof.
func (w *watched) listed() bool {
	w.t.Helper()
	w.write("hidden.dat", true)
	defer func() {
		info, err := os.Stat(w.dir)
		if err != nil {
			w.t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(w.dir, "hidden.dat")); err != nil {
			w.t.Fatal(err)
		}
		if err := os.Chtimes(w.dir, info.ModTime(), info.ModTime()); err != nil {
			w.t.Fatal(err)
		}
	}()
	found, err := look(w.dir, w.of(partition{"a", 0}).synced)
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Contains(strings.Join(slices.Collect(maps.Keys(found.files)), " "), "hidden")
}

// age makes the directory's last listing older.
func (w *watched) age(by time.Duration) {
	s := &w.of(partition{"a", 0}).synced
	s.since = s.since.Add(-by)
}

// TestADirectoryIsListedUntilItsTimeProvesIt: as long as another file could have come within the tick of the last change.
func TestADirectoryIsListedUntilItsTimeProvesIt(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.write("0.dat", false)
	w.wantSynced("0.dat")
	w.write("1.dat", true) // within the same tick
	w.wantSynced("1.dat")
	w.age(time.Hour)
	w.write("2.dat", true) // before it was listed again
	w.wantSynced("2.dat")
	if w.listed() == (runtime.GOOS != "windows") {
		t.Errorf("listed again: %v", w.listed())
	}
	w.write("2.dat", false) // grows
	w.wantSynced("2.dat")
	w.write("0.dat", false)
	w.write("2.dat", false)
	w.wantSynced("0.dat", "2.dat")
	w.write("3.dat", false)
	w.wantSynced("3.dat")
	if !w.listed() {
		t.Error("a directory with a new file counts as one that stays")
	}
}

// TestTheFileThatGrowsIsTheOneOfItsName: what is kept open is not what a segment removed and made again is written to.
func TestTheFileThatGrowsIsTheOneOfItsName(t *testing.T) {
	t.Parallel()
	w := watch(t)
	var open []os.FileInfo
	w.sync = func(f *os.File) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		info, err := f.Stat()
		open = append(open, info)
		return err
	}
	same := func() {
		t.Helper()
		open = nil
		w.write("0.dat", false)
		if err := w.settle([]partition{{"a", 0}}); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(w.dir, "0.dat"))
		if err != nil || !slices.ContainsFunc(open, func(synced os.FileInfo) bool { return os.SameFile(synced, info) }) {
			t.Errorf("another file was synced (%v)", err)
		}
	}
	for range 3 {
		same()
	}
	w.age(time.Hour)
	for range 3 {
		same()
	}
	if err := os.Rename(filepath.Join(w.dir, "0.dat"), filepath.Join(w.dir, "old")); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.write("0.dat", false)
		same()
	}
}
