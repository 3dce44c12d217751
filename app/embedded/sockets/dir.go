// Package sockets makes the private directories of Unix sockets: short, because a socket's path has at most 108 bytes
// whatever the data directory is called, and closed to every other user, because what listens there trusts whoever
// reaches it.
//
// A directory has a random name below the system's directory for temporary files. A note in the data directory says
// which one it is, so that the next start removes what a killed process has left, and nothing else.
package sockets

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
)

// Dir is a private directory for sockets.
type Dir struct {
	path string
	note string // the file in the data directory that names it
}

// Make makes a directory that only this user can enter, and writes its path to the file note first. What the note says
// of an earlier process is removed.
func Make(note string) (*Dir, error) {
	removeNoted(note)
	var errs []error
	for _, base := range bases(filepath.Dir(note)) {
		path := filepath.Join(base, prefix+strings.ToLower(rand.Text()[:16]))
		if len(path) > longest {
			errs = append(errs, fmt.Errorf("%s is too long a path for Unix sockets", path))
			continue
		}
		d := &Dir{path: path, note: note}
		err := d.make()
		if err == nil {
			return d, nil
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("make a directory for Unix sockets (TMPDIR names another place): %w", errors.Join(errs...))
}

// bases are where a directory may be made. The data directory is the last, because its path is often too long.
func bases(data string) []string {
	all := []string{os.TempDir()}
	if os.PathSeparator == '/' {
		all = append(all, "/tmp")
	}
	return append(all, data)
}

func (d *Dir) make() error {
	if err := os.WriteFile(d.note, []byte(d.path+"\n"), 0o600); err != nil {
		return err
	}
	if err := os.Mkdir(d.path, private); err != nil {
		return errors.Join(err, os.Remove(d.note))
	}
	return os.Chmod(d.path, private) // a umask may have closed it to ourselves
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

// Remove removes the directory with its sockets, and the note.
func (d *Dir) Remove() { removeNoted(d.note) }

// removeNoted removes the directory that the note names, if it is one of ours: its name, its kind, its owner and its mode
// are as Make leaves them, and it holds nothing but our sockets.
func removeNoted(note string) {
	b, err := os.ReadFile(note)
	if err != nil {
		return
	}
	if path := strings.TrimSpace(string(b)); ours(path) {
		removeSockets(path)
	}
	_ = os.Remove(note)
}

func ours(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && filepath.IsAbs(path) && strings.HasPrefix(filepath.Base(path), prefix) &&
		info.IsDir() && closed(info)
}

// removeSockets removes sockets of known names and then the directory, which fails when anything else is in it.
func removeSockets(path string) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return
	}
	for _, name := range []string{Kafka, Redis, Postgres, postgresLock} {
		info, err := root.Lstat(name)
		if err == nil && (isSocket(info.Mode()) || name == postgresLock && info.Mode().IsRegular()) {
			_ = root.Remove(name)
		}
	}
	_ = root.Close()
	_ = os.Remove(path)
}
