package instance

import (
	"context"
	"flag"
	"strconv"
	"testing"
	"time"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/app/instance/instancetest"
)

func TestMain(m *testing.M) {
	// A default: the command line, which is read later, may say another number.
	if err := flag.Set("rapid.checks", strconv.Itoa(ordersOfOperations)); err != nil {
		panic(err)
	}
	embeddedtest.Main(m)
}

type (
	client = instancetest.Client
	reply  = instancetest.Reply
)

var (
	newClient  = instancetest.NewClient
	eventually = instancetest.Eventually
)

// deployment is one whose instances show what is inside them.
type deployment struct{ instancetest.Deployment }

func newDeployment(t testing.TB) deployment {
	t.Helper()
	return deployment{instancetest.New(t)}
}

// start adds an instance; it is stopped at the end of the test, in order and completely.
func (d deployment) start(t testing.TB, options ...Option) *Instance {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	a, err := Start(ctx, d.Config, d.Log, instancetest.Writer{T: t}, append(options, On(d.Servers))...)
	if err != nil {
		t.Fatalf("start an instance: %v", err)
	}
	t.Cleanup(func() { d.stop(t, a) })
	return a
}

func (d deployment) stop(t testing.TB, a *Instance) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*StopPatience)
	defer cancel()
	if err := a.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// startProduct is one instance of a deployment of its own, in demo mode; it returns its address.
func startProduct(t *testing.T) string {
	t.Helper()
	return newDeployment(t).start(t).URL()
}
