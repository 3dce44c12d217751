package app

import (
	"context"
	"testing"
	"time"

	"flashsale/app/instance"
	"flashsale/app/instance/instancetest"
)

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
