//go:build unix

package resilience

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"

	"flashsale/app/embedded/embeddedtest"
)

// serverProxy is a toxiproxy between the product and one server.
type serverProxy struct {
	proxy *toxiproxy.Proxy
}

// newServerProxy listens for connections to upstream, a host and port, at an address that is its own also after refuse.
func newServerProxy(name, upstream string) (*serverProxy, error) {
	port, err := embeddedtest.FreePort()
	if err != nil {
		return nil, err
	}
	api := &toxiproxy.ApiServer{Collection: toxiproxy.NewProxyCollection(), Metrics: toxiproxy.NewMetricsContainer(nil)}
	api.Logger = silent(api.Logger)
	w := &serverProxy{proxy: toxiproxy.NewProxy(api, name, loopback(port), upstream)}
	if err := w.proxy.Start(); err != nil {
		return nil, fmt.Errorf("proxy for %s: %w", name, err)
	}
	return w, nil
}

// silent is the zero value of a logger, which writes nothing.
func silent[T any](*T) *T { return new(T) }

func (w *serverProxy) address() string { return w.proxy.Listen }

// refuse breaks every connection and refuses new ones.
func (w *serverProxy) refuse() { w.proxy.Stop() }

// accept ends refuse.
func (w *serverProxy) accept(t *testing.T) {
	t.Helper()
	if err := w.proxy.Start(); err != nil {
		t.Fatal(err)
	}
}

// delay delays every answer by that many milliseconds.
func (w *serverProxy) delay(t *testing.T, ms int) {
	t.Helper()
	w.addToxic(t, fmt.Sprintf(`{"name":"delay","type":"latency","stream":"downstream","attributes":{"latency":%d}}`, ms))
}

// silence keeps the connections open and lets nothing pass either way.
func (w *serverProxy) silence(t *testing.T) {
	t.Helper()
	for _, direction := range []string{"upstream", "downstream"} {
		w.addToxic(t, fmt.Sprintf(`{"name":"hole-%s","type":"timeout","stream":%q,"attributes":{"timeout":0}}`, direction, direction))
	}
}

func (w *serverProxy) addToxic(t *testing.T, toxic string) {
	t.Helper()
	if _, err := w.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		t.Fatal(err)
	}
}

// restore ends every delay and silence. It closes the connections that lost bytes.
func (w *serverProxy) restore() { w.proxy.Toxics.ResetToxics(context.Background()) }

// reroute sends new connections elsewhere; there are no old ones any more.
func (w *serverProxy) reroute(t *testing.T, upstream string) {
	t.Helper()
	w.refuse()
	w.proxy.Upstream = upstream
	w.accept(t)
}
