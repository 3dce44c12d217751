package embedded

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"flashsale/app/embedded/datadir"
)

// role is the one user of an embedded server.
const role = "flashsale"

// cluster is a data directory with what is needed to run it. Postgres' own word for it.
type cluster struct {
	programs programs
	data     string
	as       identity
	password string
}

// openCluster finds the data directory below dir with the programs of its version, or makes one with the
// newest installed server, downloading one if there is none.
func openCluster(ctx context.Context, dir string, logger *slog.Logger, progress io.Writer) (*cluster, error) {
	major, err := existing(dir)
	if err != nil {
		return nil, err
	}
	var made string
	if major != 0 {
		made = filepath.Join(dir, strconv.Itoa(major))
	}
	as, err := identify(ctx, made)
	if err != nil {
		return nil, err
	}
	p, err := choose(ctx, major, dir, as, logger, progress)
	if err != nil {
		return nil, err
	}
	c := &cluster{programs: p, data: filepath.Join(dir, strconv.Itoa(p.major)), as: as}
	if major == 0 {
		logger.Info("making a PostgreSQL data directory", "dir", c.data, "version", p.version)
		err = c.create(ctx)
	} else {
		err = c.readPassword()
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// existing is the major version of the data directory below dir, 0 when there is none yet. A directory that has such a
// name and no valid version is somebody's broken data. No new data is made beside it.
func existing(dir string) (int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("read the data directory: %w", err)
	}
	newest := 0
	for _, e := range entries {
		if major, err := strconv.Atoi(e.Name()); err == nil {
			newest = max(newest, major)
		}
	}
	if newest == 0 {
		return 0, nil
	}
	path := filepath.Join(dir, strconv.Itoa(newest))
	b, err := os.ReadFile(filepath.Join(path, "PG_VERSION"))
	if err == nil && strings.TrimSpace(string(b)) != strconv.Itoa(newest) {
		err = fmt.Errorf("it was made by version %s", strings.TrimSpace(string(b)))
	}
	if err != nil {
		return 0, broken(path, err)
	}
	return newest, nil
}

// broken says what to do about a data directory that cannot be used.
func broken(path string, err error) error {
	return fmt.Errorf("the PostgreSQL data directory %s cannot be used and was left as it is: "+
		"restore it from a backup, or move it away to start with an empty one: %w", path, err)
}

// choose picks the programs for a data directory of that major version; 0 means any.
func choose(ctx context.Context, major int, dir string, as identity, logger *slog.Logger, progress io.Writer) (programs, error) {
	found, err := installed(ctx)
	if err != nil {
		return programs{}, err
	}
	for _, p := range found {
		if major == 0 || p.major == major {
			return p, nil
		}
	}
	return newDownload(cacheDir(dir, as), logger, progress).fetch(ctx, major)
}

// create runs initdb beside the final place and renames the finished directory, so that one that was
// interrupted is never mistaken for data.
func (c *cluster) create(ctx context.Context) error {
	dir := filepath.Dir(c.data)
	unfinished, err := filepath.Glob(filepath.Join(dir, "unfinished-*"))
	if err != nil {
		return fmt.Errorf("look for unfinished data directories: %w", err)
	}
	for _, u := range unfinished {
		if err := os.RemoveAll(u); err != nil {
			return fmt.Errorf("remove an unfinished data directory: %w", err)
		}
	}
	making, err := os.MkdirTemp(dir, "unfinished-")
	if err != nil {
		return fmt.Errorf("make the PostgreSQL data directory: %w", err)
	}
	if err := c.fill(ctx, making); err != nil {
		return errors.Join(err, os.RemoveAll(making))
	}
	if err := os.Rename(making, c.data); err != nil {
		return errors.Join(fmt.Errorf("make the PostgreSQL data directory: %w", err), os.RemoveAll(making))
	}
	return syncDir(dir)
}

// fill makes the directory a data directory with its password in it.
func (c *cluster) fill(ctx context.Context, making string) error {
	c.password = rand.Text()
	secret := making + ".password" // initdb wants an empty directory
	if err := writeFile(secret, []byte(c.password+"\n")); err != nil {
		return err
	}
	defer func() { _ = os.Remove(secret) }()
	if c.as.other() {
		if err := errors.Join(giveAway(making, c.as), os.Chown(secret, c.as.UID, c.as.GID)); err != nil {
			return err
		}
	}
	if err := c.initdb(ctx, making, secret); err != nil {
		return err
	}
	if err := os.Rename(secret, filepath.Join(making, passwordFile)); err != nil {
		return fmt.Errorf("keep the PostgreSQL password: %w", err)
	}
	return nil
}

// passable lets others through a directory without letting them read it.
const passable fs.FileMode = 0o711

// giveAway lets another user work in the directory and reach it through ours above it.
func giveAway(making string, as identity) error {
	err := os.Chown(making, as.UID, as.GID)
	postgres := filepath.Dir(making)
	for _, dir := range []string{postgres, filepath.Dir(postgres)} {
		err = errors.Join(err, os.Chmod(dir, passable))
	}
	if err != nil {
		return fmt.Errorf("hand the data directory to an ordinary user: %w", err)
	}
	return nil
}

// initdb makes a data directory whose only role has the password, from wherever it connects.
func (c *cluster) initdb(ctx context.Context, making, secret string) error {
	runtime.LockOSThread() // the kernel stops initdb when its thread ends
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, filepath.Join(c.programs.bin, "initdb"+exe),
		"--pgdata="+making, "--username="+role, "--auth=scram-sha-256", "--pwfile="+secret,
		"--encoding=UTF8", "--locale=C", "--data-checksums", "--no-instructions")
	cmd.Env = serverEnv(os.Environ())
	cmd.Dir = making
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = attributes(c.as)
	if err := cmd.Run(); err != nil {
		if bytes.Contains(out.Bytes(), []byte("could not look up effective user ID")) {
			return fmt.Errorf("PostgreSQL makes no data directory for a user without a name: user %d has no entry in /etc/passwd, and this system "+
				"allows no user namespaces; start as a user who has one, or set DATABASE_URL to a running server", os.Geteuid())
		}
		if c.as.other() {
			err = fmt.Errorf("as user %d, who must be able to enter the directory, since PostgreSQL does not run as root: %w", c.as.UID, err)
		}
		return fmt.Errorf("initdb of PostgreSQL %s: %w: %s", c.programs.version, err, bytes.TrimSpace(out.Bytes()))
	}
	return nil
}

// passwordFile lies in the data directory, which nobody else may enter, and moves with it.
const passwordFile = datadir.PasswordFile

func (c *cluster) readPassword() error {
	path := filepath.Join(c.data, passwordFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return broken(c.data, fmt.Errorf("read its password: %w", err))
	}
	c.password = strings.TrimSpace(string(b))
	return nil
}
