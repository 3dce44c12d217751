package balancers

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/app/instance"
	"flashsale/app/instance/instancetest"
	"flashsale/users"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// shop is two instances of one deployment that know their balancer.
type shop struct {
	t       *testing.T
	d       instancetest.Deployment
	ports   [2]string
	running [2]*instance.Instance
}

func newShop(t *testing.T, viaProxy bool) *shop {
	t.Helper()
	s := &shop{t: t, d: instancetest.New(t)}
	s.d.Config.DemoPublic, s.d.Config.DemoHosts, s.d.Config.ProxyProtocol = true, []string{"shop.example"}, viaProxy
	s.d.Config.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	s.d.Config.DrainDelay = time.Second // a balancer has to notice that an instance is taken out
	for i := range s.running {
		s.start(i)
	}
	t.Cleanup(func() {
		for i := range s.running {
			s.stop(i)
		}
	})
	return s
}

// start starts an instance, at the port that it had before.
func (s *shop) start(i int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cfg := s.d.Config
	cfg.Port, _ = strconv.Atoi(s.ports[i]) // none yet: a free one
	a, err := instance.Start(ctx, cfg, s.d.Log, instancetest.Writer{T: s.t}, instance.On(s.d.Servers))
	if err != nil {
		s.t.Fatalf("start an instance: %v", err)
	}
	at, err := url.Parse(a.URL())
	mustBe(s.t, err)
	s.running[i], s.ports[i] = a, at.Port()
}

func (s *shop) stop(i int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*instance.StopPatience)
	defer cancel()
	if a := s.running[i]; a != nil {
		if err := a.Stop(ctx); err != nil {
			s.t.Errorf("stop: %v", err)
		}
	}
	s.running[i] = nil
}

func (s *shop) addresses() (list [2]string) {
	for i, port := range s.ports {
		list[i] = "127.0.0.1:" + port
	}
	return list
}

// One instance after the other is taken out and comes back while shoppers buy: each gets a unit, over TLS and HTTP/2, and each address
// is known. Changes reach streams at once.
func TestBalancersTakeInstancesOutAndBack(t *testing.T) {
	for name, b := range balancers() {
		ways := map[string][][2]string{"any instance": nil, "sticky": b.sticky}
		if b.viaProxy != nil {
			ways["PROXY protocol"] = b.viaProxy
		}
		for way, changes := range ways {
			if way != "any instance" && !embeddedtest.RealRedis() {
				continue // further ways are for real servers: they take half a minute each
			}
			t.Run(name+"/"+way, func(t *testing.T) {
				s := newShop(t, way == "PROXY protocol")
				pair := newCertificate(t)
				at := b.start(t, pair, s.addresses(), changes)
				visitor := instancetest.NewClient(t, "https://shop.example")
				visitor.HTTP.Transport = pair.browser(t, at, "127.0.0.9")
				instancetest.Eventually(t, "an answer through the balancer", func() bool {
					r, err := visitor.Try(http.MethodGet, "/api/flash-sale/status", nil)
					return err == nil && r.Status == http.StatusOK
				})
				checkProtocol(t, visitor)
				checkStream(t, visitor)
				checkAddress(t, visitor)
				sellMeanwhile(t, s, pair, at)
				visitor.Verifies()
			})
		}
	}
}

func checkProtocol(t *testing.T, visitor *instancetest.Client) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, visitor.Base+"/", nil)
	mustBe(t, err)
	res, err := visitor.HTTP.Do(req)
	mustBe(t, err)
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK || res.ProtoMajor != 2 || res.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s %s, HSTS %q", res.Proto, res.Status, res.Header.Get("Strict-Transport-Security"))
	}
}

// The frame that says that the sale is paused comes while the stream is open.
func checkStream(t *testing.T, visitor *instancetest.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, visitor.Base+"/api/flash-sale/stream", nil)
	mustBe(t, err)
	res, err := visitor.HTTP.Do(req)
	mustBe(t, err)
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	for _, act := range []string{"pause", "resume"} {
		before := visitor.Status().Number("version")
		visitor.Call(http.MethodPost, "/api/flash-sale/"+act, nil).Is(t, http.StatusOK, "")
		for seen := false; !seen; {
			if !lines.Scan() {
				t.Fatalf("the stream ends without the %s: %v", act, lines.Err())
			}
			var version float64
			if _, data, ok := strings.Cut(lines.Text(), `"version":`); ok {
				_, err := fmt.Sscanf(data, "%g", &version)
				mustBe(t, err)
			}
			seen = version > before
		}
	}
}

// The audit log has the address of the client, whatever the client says of it.
func checkAddress(t *testing.T, visitor *instancetest.Client) {
	t.Helper()
	forged := http.Header{"X-Forwarded-For": {"203.0.113.1"}, "Forwarded": {"for=203.0.113.2;proto=https"}}
	if r, err := visitor.TryWith(http.MethodPost, "/api/flash-sale/pause", nil, forged); err != nil || r.Status != http.StatusOK {
		t.Fatalf("%v, %d %s", err, r.Status, r.Raw)
	}
	visitor.Call(http.MethodPost, "/api/flash-sale/resume", nil).Is(t, http.StatusOK, "")
	acts := visitor.Call(http.MethodGet, "/api/admin/audit", nil).Raw
	if !strings.Contains(acts, `"127.0.0.9"`) || strings.Contains(acts, "203.0.113") || strings.Contains(acts, `"127.0.0.1"`) {
		t.Errorf("the acts are from elsewhere: %s", acts)
	}
}

// sellMeanwhile lets shoppers press, each once, while each instance goes and comes back. A fifth of them presses in each step: while
// the first one stops, while it is away, while the second one stops, while that is away, and when both are back.
func sellMeanwhile(t *testing.T, s *shop, pair certificate, at string) {
	t.Helper()
	const step, shoppers, crowd, pace = 300, 5 * 300, 8, 30 * time.Millisecond
	operator := instancetest.NewClient(t, "https://shop.example")
	operator.HTTP.Transport = pair.browser(t, at, "127.0.0.9")
	operator.Call(http.MethodPost, "/api/users/seed", map[string]int{"userCount": users.AbleLength(shoppers)}).Is(t, http.StatusOK, "")
	operator.Call(http.MethodPost, "/api/flash-sale/update-stock", map[string]int{"stockAmount": shoppers}).Is(t, http.StatusOK, "")
	var next, bought, allowed atomic.Int64
	allowed.Store(step)
	var all sync.WaitGroup
	defer all.Wait()
	defer allowed.Store(shoppers)
	for range crowd {
		c := instancetest.NewClient(t, "https://shop.example")
		c.HTTP.Transport = pair.browser(t, at, "127.0.0.9")
		all.Go(func() {
			for n := next.Add(1); n <= shoppers; n = next.Add(1) {
				time.Sleep(pace)
				for n > allowed.Load() {
					time.Sleep(pace)
				}
				name := users.AbleName(int(n))
				r, err := c.TryWith(http.MethodPost, "/api/flash-sale/purchase", map[string]string{"username": name}, http.Header{"Idempotency-Key": {name}})
				switch {
				case err != nil:
					t.Errorf("%s: %v", name, err)
				case r.Status == http.StatusCreated:
					bought.Add(1)
				case r.Status == http.StatusAccepted && c.BuySettled(name).Status < 300:
					bought.Add(1)
				default:
					t.Errorf("%s: %d %s", name, r.Status, r.Raw)
				}
			}
		})
	}
	for i := range s.running {
		s.stop(i)
		before := bought.Load()
		allowed.Add(step)
		instancetest.Eventually(t, "sales without one instance", func() bool { return bought.Load() > before })
		s.start(i)
		time.Sleep(3 * time.Second) // nginx and Caddy leave an instance out for two seconds after it has failed
		allowed.Add(step)
	}
	all.Wait()
	if got := bought.Load(); got != shoppers {
		t.Errorf("%d of %d shoppers bought", got, shoppers)
	}
	// Not at once: the instance that answers may hear of the last order of the other one a moment later.
	instancetest.Eventually(t, "the status with every order", func() bool { return operator.Status().Number("sold") == shoppers })
}
