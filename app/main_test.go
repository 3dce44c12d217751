package app

import (
	"context"
	"testing"
	"time"

	"flashsale/app/bench"
	"flashsale/app/config"
	"flashsale/app/instance"
	"flashsale/app/instance/instancetest"
)

// bareEnvironment is what a process needs, and no setting.
func bareEnvironment(settings ...string) []string {
	env := append(bench.CleanEnvironment(config.Variables()...), asProgram+"=1")
	return append(env, settings...)
}

// program runs a command line in a process of its own, in an empty directory, and returns its exit code and all that it
// printed.
func program(t *testing.T, dir string, settings []string, args ...string) (code int, printed string) {
	t.Helper()
	return place{dir, bareEnvironment(settings...)}.run(t, "", args...)
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
