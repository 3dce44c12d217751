package app

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"flashsale/app/config"
	"flashsale/app/embedded/embeddedtest"
	"flashsale/app/instance/instancetest"
	"flashsale/app/server"
)

// configFor is what the environment with that HOST says, with everything configured elsewhere or embedded.
func configFor(t *testing.T, host string, port int, elsewhere bool) config.Config {
	t.Helper()
	cfg, err := config.From(func(name string) (string, bool) {
		switch {
		case name == "HOST" && host != "":
			return host, true
		case elsewhere && name == "REDIS_URL":
			return "redis://redis.example:6379", true
		}
		return "", false
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Port = port
	return cfg
}

// The question goes to where the instance listens, whatever HOST is.
func TestHealthAsksWhereTheInstanceListens(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	for name, c := range map[string]struct {
		host      string
		elsewhere bool
	}{
		"HOST unset, everything embedded":    {},
		"HOST unset, servers elsewhere":      {elsewhere: true},
		"any IPv4 address":                   {host: "0.0.0.0"},
		"any address":                        {host: "::"},
		"any address, in brackets":           {host: "[::]"},
		"a loopback address that is not .1":  {host: "127.0.0.2"},
		"IPv6":                               {host: "::1"},
		"IPv6, in brackets":                  {host: "[::1]"},
		"a name":                             {host: "localhost"},
		"an address that others can reach":   {host: reachableAddress(t)},
		"that address, with servers of ours": {host: reachableAddress(t), elsewhere: true},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := configFor(t, c.host, 0, c.elsewhere)
			listeners, err := server.Listen(t.Context(), cfg.Hosts, cfg.Port)
			if err != nil {
				t.Skipf("this machine cannot listen there: %v", err)
			}
			var asked atomic.Value
			listening := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if asked.Store(r.Host); r.URL.Path != "/livez" {
					w.WriteHeader(http.StatusNotFound)
				}
			})}
			defer func() { _ = listening.Close() }()
			for _, l := range listeners {
				go func() { _ = listening.Serve(l) }()
			}
			cfg = configFor(t, c.host, listeners[0].Addr().(*net.TCPAddr).Port, c.elsewhere)
			if err := health(t.Context(), cfg); err != nil {
				t.Error(err)
			}
			if asked.Load() != "localhost" {
				t.Errorf("asked as %v, which demo mode refuses", asked.Load())
			}
			_ = listening.Close()
			if err := health(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "nothing answers on") {
				t.Errorf("nobody listens any more: %v", err)
			}
		})
	}
}

// reachableAddress is an address of this machine that other machines can reach. If it has none, it is one that no machine has.
func reachableAddress(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() {
			return ip.IP.String()
		}
	}
	return "192.0.2.1"
}

// The product in demo mode, on an address of its own, answers the question.
func TestHealthOfAnInstanceInDemoMode(t *testing.T) {
	t.Parallel()
	d := instancetest.New(t)
	d.Config.Hosts = []string{"127.0.0.2"}
	port, err := embeddedtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	d.Config.Port = port
	if l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.2:0"); err != nil {
		t.Skip("this machine has one loopback address only")
	} else {
		_ = l.Close()
	}
	assertHealthFollows(t, d)
}

// Where only proxies may connect, the question goes to the operators' listener.
func TestHealthOfAnInstanceBehindAPROXYHeader(t *testing.T) {
	t.Parallel()
	d := instancetest.New(t)
	d.Config.Demo, d.Config.ProxyProtocol, d.Config.TrustedProxies = false, true, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	port, err := embeddedtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	d.Config.Port = port
	d.Config.OpsAddr, d.Config.OpsStrict = "127.0.0.1:"+unusedPort(t), true
	assertHealthFollows(t, d)
	d.Config.OpsAddr = ""
	if err := health(t.Context(), d.Config); err == nil || !strings.Contains(err.Error(), "OPS_ADDR") {
		t.Errorf("without an operators' listener: %v", err)
	}
}

// assertHealthFollows: the check passes while the instance runs, and not afterwards.
func assertHealthFollows(t *testing.T, d instancetest.Deployment) {
	t.Helper()
	a := start(t, d)
	if err := health(t.Context(), d.Config); err != nil {
		t.Error(err)
	}
	stop(t, a)
	if err := health(t.Context(), d.Config); err == nil {
		t.Error("the health check passes for an instance that was stopped")
	}
}
