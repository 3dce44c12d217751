package app

import (
	"context"
	"strings"
	"testing"

	"flashsale/app/embedded/embeddedtest"
)

// What a wiped deployment sold stays away: neither its places nor its claims come into the next one.
func TestAWipedDeploymentBeginsAnew(t *testing.T) {
	d := newDeployment(t)
	first := d.start(t)
	if r := newClient(t, first.URL()).buy("john_doe"); r.Status != 201 {
		t.Fatalf("%d %s", r.Status, r.Raw)
	}
	d.stop(t, first)

	t.Setenv("NAMESPACE", d.cfg.Namespace)
	t.Setenv("DATABASE_URL", d.ends.databaseURL)
	t.Setenv("REDIS_URL", d.ends.redisURL)
	t.Setenv("KAFKA_BROKERS", strings.Join(d.ends.kafkaBrokers, ","))
	if code, out, errOut := command(t, "no\n", "reset", "--wipe"); code != 1 || !strings.Contains(out, d.cfg.Namespace+".claims") {
		t.Fatalf("exit %d\n%s%s", code, out, errOut)
	}
	if code, out, errOut := command(t, "", "reset", "--wipe", "--yes"); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, out, errOut)
	}
	keys := embeddedtest.Redis(t)
	if left, err := keys.Do(context.Background(), keys.B().Keys().Pattern(d.cfg.Namespace+":*").Build()).AsStrSlice(); err != nil || len(left) > 0 {
		t.Errorf("left in redis: %v, %v", left, err)
	}

	// A claim of the old log would be decided before this one.
	c := newClient(t, d.start(t).URL())
	if r := c.buy("jane_smith"); r.Status != 201 || r.number("unit") != 1 {
		t.Errorf("the first purchase: %d %s", r.Status, r.Raw)
	}
	if sold := c.status().number("sold"); sold != 1 {
		t.Errorf("%v sold", sold)
	}
}
