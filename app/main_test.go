package app

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"flashsale/app/bench"
	"flashsale/app/config"
	"flashsale/app/embedded/embeddedtest"
	"flashsale/app/instance"
	"flashsale/app/instance/instancetest"
)

// asProgram makes the test's program the product, so that tests see a process as it really runs: its exit code, its whole
// output, its limits.
const asProgram = "FLASHSALE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	embeddedtest.Main(m)
}

// bareEnvironment is what a process needs, and no setting.
func bareEnvironment(settings ...string) []string {
	env := append(bench.CleanEnvironment(config.Variables()...), asProgram+"=1")
	return append(env, settings...)
}

// program runs a command line in a process of its own, in an empty directory, and returns its exit code and all that it
// printed. It is killed after half a minute.
func program(t *testing.T, dir string, settings []string, args ...string) (code int, printed string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Dir, cmd.Env = dir, bareEnvironment(settings...)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%v %v does not end; it printed %s", settings, args, out)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// start adds an instance to a deployment; it is stopped at the end of the test at the latest.
func start(t *testing.T, d instancetest.Deployment) *instance.Instance {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	a, err := instance.Start(ctx, d.Config, d.Log, instancetest.Writer{T: t}, instance.On(d.Servers))
	if err != nil {
		t.Fatalf("start an instance: %v", err)
	}
	t.Cleanup(func() { stop(t, a) })
	return a
}

func stop(t *testing.T, a *instance.Instance) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*instance.StopPatience)
	defer cancel()
	if err := a.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}
