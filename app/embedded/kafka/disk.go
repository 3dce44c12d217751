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
	mu     sync.Mutex
	synced map[string]fs.FileInfo // by name, as each was before its last sync
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
	dir := filepath.Join(d.dir, fmt.Sprintf("%s-%d", url.PathEscape(p.topic), p.number))
	there, err := segments(dir)
	if err != nil {
		return err
	}
	var g errgroup.Group
	isNew := false
	for name, info := range there {
		before := f.synced[name]
		if before != nil && before.Size() == info.Size() && before.ModTime().Equal(info.ModTime()) {
			continue
		}
		// A file only grows. One that has changed and has not grown is another one, of a topic that was removed and made again.
		isNew = isNew || before == nil || !os.SameFile(before, info) || info.Size() <= before.Size()
		g.Go(func() error { return d.syncOne(filepath.Join(dir, name), os.O_WRONLY) })
	}
	if isNew {
		g.Go(func() error { return d.syncDirectories(dir) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	f.synced = there
	return nil
}

// syncDirectories makes the names of new files durable. Windows does so by itself, and syncs no directory.
func (d *disk) syncDirectories(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	return errors.Join(d.syncOne(dir, os.O_RDONLY), d.syncOne(d.dir, os.O_RDONLY))
}

func (d *disk) of(p partition) *files {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[p]
	if f == nil {
		f = &files{}
		d.files[p] = f
	}
	return f
}

// segments are the files of a partition that hold records. There are none when its topic has been removed meanwhile. The index beside
// each is not among them: of a batch it has the leader's epoch, which one broker never changes, and whether it is in a transaction,
// and nobody writes in one. A log that has lost its indexes has all its records; a second file to sync costs an append a fifth of
// its time.
func segments(dir string) (map[string]fs.FileInfo, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look at the embedded log: %w", err)
	}
	found := make(map[string]fs.FileInfo)
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".dat" {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) { // an old segment, removed meanwhile
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look at the embedded log: %w", err)
		}
		found[e.Name()] = info
	}
	return found, nil
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
