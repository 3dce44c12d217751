package kafka

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// ErrDisk says that the log could not be written to disk. What was appended since may be lost with the machine, and a second try
// would say that all is well although it is not, so the broker answers nothing until it is started again.
var ErrDisk = errors.New("the embedded Kafka could not write its log to disk and answers no request until a restart")

// disk makes kfake's records durable. kfake writes a record to the file of its partition's last segment; settle syncs
// what has grown since it was synced last.
type disk struct {
	dir    string // of the partitions' directories
	logger *slog.Logger
	sync   func(*os.File) error
	failed atomic.Pointer[error]

	mu    sync.Mutex
	files map[partition]*files
}

// files are those of one partition.
type files struct {
	dir string // of them

	mu      sync.Mutex
	synced  segments    // as each was before its last sync
	growing *os.File    // the one that was synced last, kept open; nil: none
	opened  fs.FileInfo // of growing
}

func newDisk(dir string, logger *slog.Logger) *disk {
	return &disk{dir: filepath.Join(dir, "partitions"), logger: logger, sync: (*os.File).Sync, files: make(map[partition]*files)}
}

// failure is why nothing is answered any more, nil while all is well.
func (d *disk) failure() error {
	if err := d.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// settle returns when everything that kfake has appended to the partitions so far is on disk.
func (d *disk) settle(parts []partition) error {
	if len(parts) == 1 {
		return d.settleOne(parts[0])
	}
	var g errgroup.Group
	for _, p := range parts {
		g.Go(func() error { return d.settleOne(p) })
	}
	return g.Wait()
}

// settleOne waits for its turn. Whoever has waited finds that the one before has synced its records too.
func (d *disk) settleOne(p partition) error {
	f := d.of(p)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := d.failure(); err != nil { // the one before has failed, and a second sync would succeed
		return err
	}
	there, err := look(f.dir, f.synced)
	if err != nil {
		return err
	}
	changed, isNew := there.changed(f.synced)
	if len(changed) == 1 && !isNew {
		err = d.syncGrowing(f, filepath.Join(f.dir, changed[0]), there.files[changed[0]])
	} else {
		err = d.syncAll(f.dir, changed, isNew)
	}
	if err != nil {
		return err
	}
	f.synced = there
	return nil
}

// syncGrowing syncs the file that grows, and keeps it open.
func (d *disk) syncGrowing(f *files, path string, info fs.FileInfo) error {
	if runtime.GOOS == "windows" { // a topic whose file is open cannot be removed
		return d.syncOne(path, os.O_WRONLY)
	}
	if f.growing == nil || !os.SameFile(f.opened, info) {
		f.close()
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			return nil
		}
		if err != nil {
			return fmt.Errorf("open the embedded log to sync it: %w", err)
		}
		f.growing, f.opened = file, info
	}
	if err := d.sync(f.growing); err != nil {
		return d.fail(err)
	}
	return nil
}

// close closes the file that is kept open. What is in it has been synced.
func (f *files) close() {
	if f.growing != nil {
		_ = f.growing.Close()
	}
	f.growing, f.opened = nil, nil
}

// syncAll syncs some files, and the names of new ones, at the same time.
func (d *disk) syncAll(dir string, names []string, isNew bool) error {
	var g errgroup.Group
	for _, name := range names {
		g.Go(func() error { return d.syncOne(filepath.Join(dir, name), os.O_WRONLY) })
	}
	if isNew {
		g.Go(func() error { return d.syncDirectories(dir) })
	}
	return g.Wait()
}

// syncDirectories makes the names of new files durable. Windows does so by itself, and syncs no directory.
func (d *disk) syncDirectories(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	return errors.Join(d.syncOne(dir, os.O_RDONLY), d.syncOne(d.dir, os.O_RDONLY))
}

// close closes what is kept open, once nothing is appended any more.
func (d *disk) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		f.mu.Lock()
		f.close()
		f.mu.Unlock()
	}
}

func (d *disk) of(p partition) *files {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[p]
	if f == nil {
		f = &files{dir: filepath.Join(d.dir, fmt.Sprintf("%s-%d", url.PathEscape(p.topic), p.number))}
		d.files[p] = f
	}
	return f
}

// syncOne syncs a file or a directory. One that cannot be opened spoils one answer, because that may pass. A sync that
// fails is never repeated: the system forgets what it could not write, and the next sync reports success.
func (d *disk) syncOne(path string, flag int) error {
	f, err := os.OpenFile(path, flag, 0)
	if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the embedded log to sync it: %w", err)
	}
	err = d.sync(f)
	if closing := f.Close(); err == nil {
		return closing
	}
	return d.fail(err)
}

// fail keeps the first failure for good.
func (d *disk) fail(err error) error {
	err = fmt.Errorf("%w: %w", ErrDisk, err)
	if d.failed.CompareAndSwap(nil, &err) {
		d.logger.Error("the embedded Kafka could not write its log to disk and answers nothing until a restart; "+
			"until then orders are taken without it: look at the disk, then restart", "error", err)
	}
	return d.failure()
}
