package app

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"flashsale/app/embedded"
	"flashsale/app/embedded/embeddedtest"
	"flashsale/app/instance"
	"flashsale/app/instance/instancetest"
)

// commandLine is the variable that makes this program a command of the product instead of its tests, for tests that end one as
// nothing but another process can be ended.
const commandLine = "FLASHSALE_COMMAND_OF_A_TEST"

func TestMain(m *testing.M) {
	if line := os.Getenv(commandLine); line != "" && !embedded.GuardMode() {
		os.Exit(Main(strings.Fields(line), os.Stdin, os.Stdout, os.Stderr))
	}
	embeddedtest.Main(m)
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
