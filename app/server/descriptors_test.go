//go:build unix

package server

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The runtime raises the soft limit of descriptors to one below the hard one when a process starts, and gives the programs that
// it starts the soft limit of before. Nothing in here does that, so this test says so when it changes.
func TestTheLimitOfDescriptorsIsRaisedToTheHardOne(t *testing.T) {
	if os.Getenv("SHOW_DESCRIPTORS") != "" {
		child, err := exec.CommandContext(t.Context(), "sh", "-c", "ulimit -n").Output()
		must(t, err)
		_, _ = fmt.Fprintf(os.Stdout, "own %d, child %s\n", Descriptors(), strings.TrimSpace(string(child)))
		return
	}
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `ulimit -Sn 300 && ulimit -Hn 500 && exec "$0" -test.run '^`+t.Name()+`$' -test.v`, os.Args[0])
	cmd.Env = append(os.Environ(), "SHOW_DESCRIPTORS=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "own 499, child 300\n") {
		t.Errorf("%v: %s", err, out)
	}
}
