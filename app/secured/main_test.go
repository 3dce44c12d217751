//go:build linux

package secured

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"flashsale/app/embedded/embeddedtest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if files.dir != "" {
		if err := os.RemoveAll(files.dir); err != nil {
			fmt.Fprintln(os.Stderr, "end of the run:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// wanted skips a test that starts servers where nobody asked for it.
func wanted(t *testing.T) {
	t.Helper()
	if os.Getenv("FLASHSALE_TEST_SECURED") != "1" {
		t.Skip("secured servers are started where they are asked for: FLASHSALE_TEST_SECURED=1")
	}
	t.Parallel()
}

// files are below one short directory that other users can pass: PostgreSQL does not run as root.
var files struct {
	sync.Mutex
	dir string
}

func folder(t *testing.T, name string) string {
	t.Helper()
	files.Lock()
	defer files.Unlock()
	err := error(nil)
	if files.dir == "" {
		if files.dir, err = os.MkdirTemp("", "fss"); err == nil { //nolint:usetesting // shared by all tests, and its path is short
			err = os.Chmod(files.dir, 0o711)
		}
	}
	dir := ""
	if err == nil {
		if dir, err = os.MkdirTemp(files.dir, name); err == nil { //nolint:usetesting // below the one above
			err = os.Chmod(dir, 0o755)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := embeddedtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// program is the product, built once for all tests.
var program = sync.OnceValues(func() (string, error) {
	if made := os.Getenv("FLASHSALE_SECURED_PROGRAM"); made != "" {
		return made, nil
	}
	if files.dir == "" {
		return "", errors.New("no directory to build in")
	}
	path := filepath.Join(files.dir, "flashsale")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", path, "flashsale").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})
