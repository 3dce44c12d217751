package instance

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// operatorsOf are requests to the operators' listener of an instance.
func operatorsOf(t *testing.T, a *Instance) *client {
	t.Helper()
	srv := httptest.NewServer(a.web.OpsHandler())
	t.Cleanup(srv.Close)
	return newClient(t, srv.URL)
}

// awaitAway waits until the probes have found that server away.
func awaitAway(t *testing.T, operators *client, server string) reply {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		r := operators.Call(http.MethodGet, "/readyz", nil)
		for _, d := range r.Body["dependencies"].([]any) {
			if one := d.(map[string]any); one["name"] == server && one["ok"] == false {
				return r
			}
		}
		if time.Now().After(end) {
			t.Fatalf("%s is never found away: %s", server, r.Raw)
		}
	}
}

// A load balancer must not remove every instance because one server that all of them share is restarted: each of them goes on
// selling without it.
func TestAnInstanceStaysReadyWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	redis := miniredis.RunT(t)
	address := redis.Addr()
	d := newDeployment(t)
	d.Servers.RedisURL, d.Servers.RedisEmbedded, d.Servers.RedisDial = "redis://"+address, true, nil
	a := d.start(t)
	shoppers, operators := newClient(t, a.URL()), operatorsOf(t, a)
	if r := shoppers.Buy("john_doe"); r.Status != http.StatusCreated {
		t.Fatalf("with everything there: %d %s", r.Status, r.Raw)
	}
	redis.Close()
	told := awaitAway(t, operators, "Redis")
	if told.Status != http.StatusOK || told.Text("status") != "degraded" || !strings.Contains(told.Raw, address) {
		t.Errorf("operators are told %d %s", told.Status, told.Raw)
	}
	if r := shoppers.Call(http.MethodGet, "/readyz", nil); r.Status != http.StatusOK || r.Text("status") != "ready" {
		t.Errorf("without Redis: %d %s", r.Status, r.Raw)
	}
	if r := shoppers.BuySettled("jane_smith"); r.Status != http.StatusCreated {
		t.Errorf("a purchase request without Redis: %d %s", r.Status, r.Raw)
	}
	if r := operators.Call(http.MethodGet, "/metrics", nil); !strings.Contains(r.Raw, `flashsale_degraded{part="redis"} 1`) {
		t.Error("the metrics do not say that Redis is away")
	}
}

func TestAnInstanceThatDrainsIsNotReady(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	for _, c := range []*client{newClient(t, a.URL()), operatorsOf(t, a)} {
		if r := c.Call(http.MethodGet, "/readyz", nil); r.Status != http.StatusOK || r.Text("status") != "ready" {
			t.Errorf("before: %d %s", r.Status, r.Raw)
		}
	}
	a.web.Drain()
	for _, c := range []*client{newClient(t, a.URL()), operatorsOf(t, a)} {
		if r := c.Call(http.MethodGet, "/readyz", nil); r.Status != http.StatusServiceUnavailable || r.Text("status") != "draining" {
			t.Errorf("draining: %d %s", r.Status, r.Raw)
		}
	}
}

// Public answers tell nothing about the machine, its servers or its program.
func TestPublicAnswersNameNoServerAndNoMachine(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	a := d.start(t)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	needles := append([]string{
		a.wiring.id, host + "-", fmt.Sprintf("-%d-", os.Getpid()), Version(), DatabaseAddress(d.Servers), BareURL(d.Servers.RedisURL), d.Config.Namespace,
		"PostgreSQL", "Redis", "Kafka",
	}, d.Servers.KafkaBrokers...)
	c := newClient(t, a.URL())
	for _, ask := range [][2]string{
		{http.MethodGet, "/"}, {http.MethodGet, "/api/users"}, {http.MethodGet, "/readyz"}, {http.MethodGet, "/livez"}, {http.MethodGet, "/health"}, {http.MethodGet, "/nowhere"},
		{http.MethodGet, "/api/flash-sale/status"}, {http.MethodPost, "/api/flash-sale/purchase"},
		{http.MethodGet, "/problems/unavailable"}, {http.MethodGet, "/metrics"}, {http.MethodDelete, "/readyz"},
	} {
		r := c.Call(ask[0], ask[1], nil)
		told := fmt.Sprint(r.Header, r.Raw)
		for _, needle := range needles {
			if needle != "" && strings.Contains(told, needle) {
				t.Errorf("%s %s tells %q: %s", ask[0], ask[1], needle, told)
			}
		}
	}
}
