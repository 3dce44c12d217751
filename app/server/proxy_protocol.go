package server

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"
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
