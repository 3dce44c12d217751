package datadir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

const (
	// guardianPatience is how long the guardian of a killed process may take to stop its server.
	guardianPatience = 30 * time.Second
	// removePatience is how long a server that is ending may still write files.
	removePatience = 5 * time.Second
	removePause    = 50 * time.Millisecond
)

// GuardianLock is locked by the guardian of PostgreSQL while the server runs. It lies beside the data.
const GuardianLock = "guardian.lock"

// made are the patterns of what the product makes in its two directories, as far as a name alone tells it.
func made() []string {
	var patterns []string
	for _, name := range []string{"server.log", "server.log.old", GuardianLock, "unfinished-*", downloads + "/unfinished-*"} {
		patterns = append(patterns, path.Join(Postgres, name))
	}
	for _, name := range []string{"partitions", "*.tmp", "groups.log", "pids.log", "meta.json", "topics.json", "acls.json", "sasl.json",
		"broker_configs.json", "quotas.json", "seq_windows.json", "session_state.json"} {
		patterns = append(patterns, path.Join(Kafka, name))
	}
	return patterns
}

// Remove removes what the product made in the directory, but for the lock and the mark, and returns what else lies there. The
// caller has the lock. It follows no symbolic link: when one stands for a directory of ours, nothing is removed. Of a removal
// that is cut off, the rest can be removed later.
func Remove(ctx context.Context, dir string) (left []string, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the data directory: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	for _, name := range []string{Postgres, Kafka} {
		if info, err := root.Lstat(name); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return nil, fmt.Errorf("%s is a symbolic link; nothing was removed: remove what it leads to yourself, then the link",
				filepath.Join(dir, name))
		}
	}
	release, err := awaitGuardian(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer release()
	for deadline := time.Now().Add(removePatience); ; time.Sleep(removePause) {
		if err = removeServers(root); err == nil || time.Now().After(deadline) || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("remove the data of the embedded servers: %w", err)
	}
	if err := removeAll(root, RunFile, OwnerFile+".new"); err != nil {
		return nil, err
	}
	names, err := list(dir)
	return slices.DeleteFunc(names, func(name string) bool {
		return name == Mark || name == LockFile || name == OwnerFile || name == "lost+found"
	}), err
}

// awaitGuardian returns when no guardian keeps a PostgreSQL server running there: that of a process that was killed is still
// stopping its server.
func awaitGuardian(ctx context.Context, dir string) (release func(), err error) {
	at := filepath.Join(dir, Postgres, GuardianLock)
	if _, err := os.Lstat(at); err != nil {
		return func() {}, nil // no guardian has ever been there
	}
	ctx, cancel := context.WithTimeout(ctx, guardianPatience)
	defer cancel()
	lock := flock.New(at)
	if taken, err := lock.TryLockContext(ctx, removePause); !taken {
		return nil, fmt.Errorf("a PostgreSQL server still runs in %s: %w", dir, err)
	}
	return func() { _ = lock.Unlock() }, nil
}

// removeServers removes the data of both servers, and their directories when nothing else is in them.
func removeServers(root *os.Root) error {
	found, err := glob(root, made()...)
	if err != nil {
		return err
	}
	databases, err := glob(root, path.Join(Postgres, "*", PasswordFile))
	if err != nil {
		return err
	}
	for _, file := range databases {
		if data := path.Dir(file); isMajor(path.Base(data)) {
			found = append(found, data)
		}
	}
	programs, err := glob(root, path.Join(Postgres, downloads, "*", "bin", "postgres*"))
	if err != nil {
		return err
	}
	for _, file := range programs {
		found = append(found, path.Dir(path.Dir(file)))
	}
	if err := removeAll(root, found...); err != nil {
		return err
	}
	for _, dir := range []string{path.Join(Postgres, downloads), Postgres, Kafka} {
		_ = root.Remove(dir) // something else is in it, or it is not there
	}
	return nil
}

func glob(root *os.Root, patterns ...string) ([]string, error) {
	var all []string
	for _, pattern := range patterns {
		found, err := fs.Glob(root.FS(), pattern)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// downloads holds the programs of a PostgreSQL that another user runs.
const downloads = "server"

// removeAll removes files and directories. A symbolic link is removed, not what it leads to.
func removeAll(root *os.Root, names ...string) error {
	for _, name := range names {
		if err := root.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}

// Unmark removes the mark when nothing else is left but the lock. Where others have put something, it stays, so that the next
// start may use the directory again. The caller has the lock.
func Unmark(dir string) error {
	names, err := list(dir)
	if err != nil || slices.ContainsFunc(names, func(name string) bool { return name != Mark && name != LockFile && name != "lost+found" }) {
		return err
	}
	if err := os.Remove(filepath.Join(dir, Mark)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the mark of the data directory: %w", err)
	}
	return nil
}

// RemoveEmpty removes the directory when nothing is in it. One that is a symbolic link, or that somebody works in, stays.
func RemoveEmpty(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another process has removed its own deployment there
	}
	if err != nil {
		return fmt.Errorf("remove the data directory: %w", err)
	}
	if info.IsDir() && !isWorkingDirectory(info) {
		_ = os.Remove(dir) // it is not empty; or it is a mount point, or its parent is somebody else's: then it is as it was before
	}
	return nil
}

func isWorkingDirectory(info fs.FileInfo) bool {
	here, err := os.Stat(".")
	return err == nil && os.SameFile(here, info)
}

// Describe names what Remove would remove, for people.
func Describe(dir string) string {
	var parts []string
	if HasDatabase(dir) {
		parts = append(parts, "every sale, order and shopper")
	}
	if HasLog(dir) {
		parts = append(parts, "the claims log")
	}
	if len(parts) == 0 {
		return "what the embedded servers left in " + dir
	}
	return strings.Join(parts, " and ") + " in " + dir
}
