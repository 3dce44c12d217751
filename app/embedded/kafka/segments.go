package kafka

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// segments are the files of a partition that hold records, as they were at one moment. There are none when its topic has been
// removed meanwhile. The index beside each is not among them: of a batch it has the leader's epoch, which one broker never changes,
// and whether it is in a transaction, and nobody writes in one. A log that has lost its indexes has all its records; a second file
// to sync costs an append a fifth of its time.
type segments struct {
	files map[string]fs.FileInfo // by name
	dir   fs.FileInfo            // their directory, before it was listed
	since time.Time              // after the directory was first found so
	all   bool                   // while the directory is so, there are no other files
}

// provenAfter is how long a directory must have been the same before it is known by its time. The time is as coarse as the
// system's ticks, or two seconds on some disks: a file that comes within the tick of the one before leaves it as it was.
const provenAfter = 5 * time.Second

// look finds the segments in the directory, of which before is what was found and synced last. It lists the directory only if
// other files may have come.
func look(dir string, before segments) (segments, error) {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return segments{}, nil
	}
	if err != nil {
		return segments{}, fmt.Errorf("look at the embedded log: %w", err)
	}
	now := segments{dir: info, since: time.Now(), files: make(map[string]fs.FileInfo, len(before.files))}
	if before.dir != nil && os.SameFile(before.dir, info) && before.dir.ModTime().Equal(info.ModTime()) {
		now.all = before.all || now.since.Sub(before.since) > provenAfter && runtime.GOOS != "windows" // which promises no such time
		now.since = before.since
		if before.all && now.find(dir, before.files) {
			return now, nil
		}
	}
	return now, now.list(dir)
}

// find looks at files that are there. It is false if one of them is not.
func (s *segments) find(dir string, files map[string]fs.FileInfo) bool {
	for name := range files {
		info, err := os.Lstat(filepath.Join(dir, name))
		if err != nil {
			return false
		}
		s.files[name] = info
	}
	return true
}

func (s *segments) list(dir string) error {
	clear(s.files)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look at the embedded log: %w", err)
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".dat" {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) { // an old segment, removed meanwhile
			continue
		}
		if err != nil {
			return fmt.Errorf("look at the embedded log: %w", err)
		}
		s.files[e.Name()] = info
	}
	return nil
}

// changed are the names of the files that are not as they were before, and isNew is true when one of them is another file.
func (s *segments) changed(before segments) (names []string, isNew bool) {
	for name, info := range s.files {
		was := before.files[name]
		if was != nil && was.Size() == info.Size() && was.ModTime().Equal(info.ModTime()) {
			continue
		}
		names = append(names, name)
		// A file only grows. One that has changed and has not grown is another one, of a topic that was removed and made again.
		isNew = isNew || was == nil || !os.SameFile(was, info) || info.Size() <= was.Size()
	}
	return names, isNew
}
