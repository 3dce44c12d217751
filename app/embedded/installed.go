package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// oldest is the first major version of Postgres that the schema works with.
const oldest = 15

// programs is an installed server.
type programs struct {
	bin     string // directory of postgres and initdb
	version string // as in "15.18"
	major   int
}

// usual is where packages put servers that they do not put on the PATH.
func usual() []string {
	return []string{
		"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
		"/usr/lib/postgresql*/bin",          // Arch, Gentoo
		"/usr/libexec/postgresql*",          // Alpine
		"/usr/pgsql-*/bin",                  // postgresql.org's RPMs
		"/usr/local/pgsql/bin",              // built from source
		"/opt/homebrew/opt/postgresql*/bin", // Homebrew, Apple silicon
		"/usr/local/opt/postgresql*/bin",    // Homebrew, Intel
		"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
		"/opt/local/lib/postgresql*/bin", // MacPorts
		`C:\Program Files\PostgreSQL\*\bin`,
	}
}

// installed lists the usable servers of this machine, newest first. The error says that this process could not look for want of
// files, memory or processes. A server may then be there all the same.
func installed(ctx context.Context) ([]programs, error) {
	var found []programs
	seen := make(map[string]bool)
	for _, dir := range candidates(ctx) {
		target, err := filepath.EvalSymlinks(dir)
		if err != nil || seen[target] {
			continue
		}
		seen[target] = true
		p, err := inspect(ctx, dir)
		if exhausted(err) {
			return nil, fmt.Errorf("look for an installed PostgreSQL: %w; allow this process more (ulimit -a)", err)
		}
		if err == nil && p.major >= oldest {
			found = append(found, p)
		}
	}
	slices.SortStableFunc(found, func(a, b programs) int { return b.major - a.major })
	return found, nil
}

func exhausted(err error) bool {
	for _, one := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN, syscall.ENOMEM} {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}

// candidates are directories that may hold a server's programs.
func candidates(ctx context.Context) []string {
	var dirs []string
	for _, program := range []string{"postgres", "initdb"} {
		path, err := exec.LookPath(program)
		if err != nil {
			continue
		}
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range usual() {
		matches, _ := filepath.Glob(pattern)
		dirs = append(dirs, matches...)
	}
	return dirs
}

// inspect asks the programs in dir for their version.
func inspect(ctx context.Context, dir string) (programs, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb"+exe)); err != nil {
		return programs{}, fmt.Errorf("no initdb: %w", err)
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"+exe), "--version").Output()
	if err != nil {
		return programs{}, fmt.Errorf("ask %s for its version: %w", dir, err)
	}
	// As in "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)" or "postgres (PostgreSQL) 19beta1".
	_, said, _ := strings.Cut(string(out), "(PostgreSQL) ")
	version, _, _ := strings.Cut(strings.TrimSpace(said), " ")
	var major int
	if _, err := fmt.Sscanf(version, "%d", &major); err != nil {
		return programs{}, fmt.Errorf("%s says %q instead of its version: %w", dir, out, err)
	}
	return programs{bin: dir, version: version, major: major}, nil
}
