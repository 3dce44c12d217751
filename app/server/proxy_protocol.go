package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"
)

// proxyHeaderTime is how long a proxy may take to send the PROXY header of a connection. It sends it at once.
const proxyHeaderTime = 5 * time.Second

// errNoClient refuses a PROXY header that names no address of TCP.
var errNoClient = errors.New("the PROXY header names no client of TCP")

// ProxyProtocol is a listener whose connections begin with a PROXY header, version 1 or 2, which says from where the client
// comes. Only these proxies may connect; the connection of anybody else is closed unread. The header is read by whoever serves
// the connection and not by Accept, so a slow one keeps nobody waiting. It has at most 4 KiB. Health checks of the proxy itself
// (LOCAL, UNKNOWN) come from the proxy.
func ProxyProtocol(inner net.Listener, trusted []netip.Prefix) net.Listener {
	return &proxyproto.Listener{
		Listener:          inner,
		ReadHeaderTimeout: proxyHeaderTime,
		ValidateHeader:    namesClient,
		ConnPolicy: func(at proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			peer, ok := at.Upstream.(*net.TCPAddr)
			if !ok || !within(trusted, peer.AddrPort().Addr()) {
				return proxyproto.REQUIRE, proxyproto.ErrInvalidUpstream
			}
			return proxyproto.REQUIRE, nil
		},
	}
}

func within(networks []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, network := range networks {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

func namesClient(h *proxyproto.Header) error {
	if _, tcp := h.SourceAddr.(*net.TCPAddr); !tcp && !h.Command.IsLocal() && !h.TransportProtocol.IsUnspec() {
		return errNoClient
	}
	return nil
}

// proxied is the key of what a connection's PROXY header says of the client's TLS: func() (tls, said bool).
type proxied struct{}

// BehindProxies makes a server with listeners of ProxyProtocol take the word of a header of version 2 on whether the client's connection
// to the proxy has TLS. Its requests then have a TLS state of version 0, or none. Where the header says nothing of it, as one of version
// 1 never does, the proxy's own connection counts. It is called before the server serves, once its handler is set.
func BehindProxies(s *http.Server) {
	handler, outside := s.Handler, &tls.ConnectionState{HandshakeComplete: true}
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		// The header has not come yet, and whoever accepts connections does not wait for it.
		return context.WithValue(ctx, proxied{}, sync.OnceValues(func() (over, said bool) { return clientTLS(c) }))
	}
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if word, ok := r.Context().Value(proxied{}).(func() (bool, bool)); ok {
			switch over, said := word(); {
			case said && !over:
				r.TLS = nil
			case said && r.TLS == nil:
				r.TLS = outside
			}
		}
		handler.ServeHTTP(w, r)
	})
}

// clientTLS is what the PROXY header of a connection says of the client's TLS, if it says anything.
func clientTLS(c net.Conn) (over, said bool) {
	if own, ok := c.(*tls.Conn); ok {
		c = own.NetConn()
	}
	tracked, ok := c.(*trackedConn)
	if !ok {
		return false, false
	}
	named, ok := tracked.Conn.Conn.(*proxyproto.Conn)
	if !ok {
		return false, false
	}
	header := named.ProxyHeader()
	if header == nil {
		return false, false
	}
	tlvs, err := header.TLVs()
	if err != nil {
		return false, false
	}
	ssl, said := tlvparse.FindSSL(tlvs)
	return said && ssl.ClientSSL(), said
}
