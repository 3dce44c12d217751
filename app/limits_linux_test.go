package app

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A process with few descriptors is refused at once, and does not take the server that it cannot look at for one that is missing.
func TestTooFewDescriptorsAreNamed(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, command := range []string{"serve", "doctor"} {
		cmd := exec.CommandContext(ctx, "sh", "-c", `ulimit -n 40; exec "$0" "$@"`, self, command)
		cmd.Dir, cmd.Env = t.TempDir(), bareEnvironment("PORT="+unusedPort(t), "OPS_ADDR=127.0.0.1:0")
		out, _ := cmd.CombinedOutput()
		if want := "flashsale: this process may have 40 files and connections open, which is not enough for its servers and for shoppers; allow at least 256"; !strings.HasPrefix(string(out), want) || strings.Count(string(out), "\n") != 1 {
			t.Errorf("%s: %s", command, out)
		}
	}
}

// A user without a name, as containers run with, and a mask that takes the owner's rights: the embedded servers work all the same.
func TestNamelessUserWithAMaskOfEverything(t *testing.T) { //nolint:paralleltest // the mask is the whole process's for a moment
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	const nobodysID = 54321
	tmp := t.TempDir()
	dir := filepath.Join(tmp, "deployment")
	for _, err := range []error{os.Chmod(filepath.Dir(tmp), 0o755), os.Mkdir(dir, 0o700), os.Chown(dir, nobodysID, nobodysID)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "migrate")
	cmd.Dir, cmd.Env = dir, bareEnvironment("HOME=/", "DATA_DIR="+filepath.Join(dir, "data"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobodysID, Gid: nobodysID}}
	out, err := os.OpenFile(filepath.Join(tmp, "out"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	cmd.Stdout, cmd.Stderr = out, out
	mask := syscall.Umask(0o777)
	err = cmd.Start()
	syscall.Umask(mask)
	if err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	printed, readErr := os.ReadFile(out.Name())
	if readErr != nil {
		t.Fatal(readErr)
	}
	if refused := strings.Contains(string(printed), "allows no user namespaces"); refused {
		t.Skip("this system allows no user namespaces, and the sentence says so")
	}
	if err != nil || !strings.Contains(string(printed), "applied  00001_users.sql") {
		t.Errorf("%v: %s", err, printed)
	}
}
