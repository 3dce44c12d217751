package app

import (
	"context"
	"strings"
	"testing"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/app/instance/instancetest"
)

// Nothing comes back after a wipe: neither the places nor the claims of the old sale are in the new one.
func TestAWipedDeploymentBeginsAnew(t *testing.T) {
	d := instancetest.Empty(t)
	first := start(t, d)
	if r := instancetest.NewClient(t, first.URL()).Buy("john_doe"); r.Status != 201 {
		t.Fatalf("%d %s", r.Status, r.Raw)
	}
	stop(t, first)

	t.Setenv("NAMESPACE", d.Config.Namespace)
	t.Setenv("DATABASE_URL", d.Servers.DatabaseURL)
	t.Setenv("REDIS_URL", d.Servers.RedisURL)
	t.Setenv("KAFKA_BROKERS", strings.Join(d.Servers.KafkaBrokers, ","))
	if code, out, errOut := command(t, "no\n", "reset", "--wipe"); code != 1 || !strings.Contains(out, d.Config.Namespace+".claims") {
		t.Fatalf("exit %d\n%s%s", code, out, errOut)
	}
	if code, out, errOut := command(t, "", "reset", "--wipe", "--yes"); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, out, errOut)
	}
	keys := embeddedtest.Redis(t)
	if left, err := keys.Do(context.Background(), keys.B().Keys().Pattern(d.Config.Namespace+":*").Build()).AsStrSlice(); err != nil || len(left) > 0 {
		t.Errorf("left in redis: %v, %v", left, err)
	}

	// A claim of the old log is decided before this one.
	c := instancetest.NewClient(t, start(t, d).URL())
	if r := c.Buy("jane_smith"); r.Status != 201 || r.Number("unit") != 1 {
		t.Errorf("the first purchase: %d %s", r.Status, r.Raw)
	}
	if sold := c.Status().Number("sold"); sold != 1 {
		t.Errorf("%v sold", sold)
	}
}
