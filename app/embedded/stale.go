package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// postmaster is the process number that the server of a data directory wrote down.
func postmaster(data string) (int, bool) {
	b, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0, false
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	return pid, err == nil && pid > 0
}

// clearStale removes what keeps a server from starting. The guardian has its lock, so nobody else starts one. After a
// crash there are three cases. postmaster.pid names a process that is gone: Postgres sees that by itself. It names
// another program (after a reboot, or in a new container): Postgres takes that for a server and refuses to start, for
// ever, so the file is removed. It names a server whose guardian was killed, on a system whose kernel does not stop the
// server then: that server is stopped.
func clearStale(o order) error {
	pid, ok := postmaster(o.Data)
	if !ok || !alive(pid) {
		return nil
	}
	if !serves(pid, o.Data) {
		if err := os.Remove(filepath.Join(o.Data, "postmaster.pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove the stale postmaster.pid: %w", err)
		}
		return nil
	}
	for _, how := range []shutdownKind{fast, immediate} {
		_ = shutdown(pid, how, o)
		for deadline := time.Now().Add(fastPatience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if !serves(pid, o.Data) { // a zombie is alive, but serves nothing
				return nil
			}
		}
	}
	return fmt.Errorf("a PostgreSQL server (process %d) still runs on %s: stop it first", pid, o.Data)
}
