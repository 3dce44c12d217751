package request

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// proxies know from where a request comes. It is the one place that reads what proxies say of that.
//
// A request comes from the peer of its connection. When that is a trusted proxy, it comes from the right-most address in
// Forwarded or X-Forwarded-For that is not trusted: a proxy appends the address that it was asked from, and what stands left of
// that was written by the client. A proxy usually writes one of the two fields and passes the other one on as the client sent
// it, so when a request has both they must agree. In every case of doubt, such as a malformed field or an address that a proxy
// hides, the peer counts: then several clients share what one may do, and none gets more by what it writes.
type proxies struct {
	trusted []netip.Prefix
	// unread counts the requests with such a field of a peer that is not trusted. The first one is logged.
	unread prometheus.Counter
	said   atomic.Bool
	log    *Log
	// private is demo mode for this machine only, which refuses what a proxy has forwarded.
	private bool
}

func newProxies(trusted []netip.Prefix, private bool, log *Log, reg prometheus.Registerer) *proxies {
	return &proxies{trusted: trusted, private: private, log: log, unread: promauto.With(reg).NewCounter(prometheus.CounterOpts{
		Name: "flashsale_forwarded_unread_total",
		Help: "Requests with Forwarded or X-Forwarded-For of a peer that TRUSTED_PROXIES does not name.",
	})}
}

// way is how a request came here.
type way struct {
	// forwarded is set in a private demo, where it is all that matters.
	forwarded bool
	// host is the name that the client asked for when a trusted proxy says it, else "".
	host string
}

// locate sets the request's RemoteAddr to the client's address. Whoever asks for the address of a client takes it from there.
func (p *proxies) locate(r *http.Request) way {
	if p.private {
		return p.passed(r)
	}
	listed, forwarded := r.Header[fieldForwardedFor], r.Header[fieldForwarded]
	if listed == nil && forwarded == nil && (p.trusted == nil || r.Header[fieldForwardedHost] == nil) {
		return way{}
	}
	peer, ok := peerAddress(r.RemoteAddr)
	if !ok || !p.trusts(peer) {
		p.notice(r.RemoteAddr, listed, forwarded)
		return way{}
	}
	client, host := p.client(peer, listed, forwarded)
	if client != peer {
		r.RemoteAddr = net.JoinHostPort(client.String(), "0") // the port of a client behind a proxy is not known
	}
	return way{host: p.agreedHost(host, r.Header[fieldForwardedHost])}
}

// passed tells whether a request to a private demo has passed a proxy. It is then refused, whoever the client is.
func (p *proxies) passed(r *http.Request) way {
	if !isForwarded(r.Header) {
		return way{}
	}
	p.notice(r.RemoteAddr, r.Header[fieldForwardedFor], r.Header[fieldForwarded])
	return way{forwarded: true}
}

// peerAddress is the address of a connection's other end. An IPv4 address is one also on a listener for both kinds.
func peerAddress(remote string) (netip.Addr, bool) {
	at, err := netip.ParseAddrPort(remote)
	return at.Addr().Unmap().WithZone(""), err == nil
}

func (p *proxies) trusts(a netip.Addr) bool {
	for _, network := range p.trusted {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

// client is the address that the fields of a trusted peer name, or the peer's own, and the host of the field Forwarded.
func (p *proxies) client(peer netip.Addr, listed, forwarded []string) (client netip.Addr, host string) {
	client = peer
	if listed != nil {
		client = p.listedClient(peer, listed)
	}
	if forwarded == nil {
		return client, ""
	}
	named, host := p.forwardedClient(peer, forwarded)
	if listed != nil && named != client {
		return peer, ""
	}
	return named, host
}

// forwardedClient reads Forwarded. When all of it is trusted, the first address is the client's.
func (p *proxies) forwardedClient(peer netip.Addr, lines []string) (client netip.Addr, host string) {
	hops, ok := forwardedHops(lines)
	client = peer
	for i := len(hops) - 1; ok && i >= 0; i-- {
		if !hops[i].from.IsValid() {
			return peer, ""
		}
		client, host = hops[i].from, hops[i].host
		if !p.trusts(client) {
			break
		}
	}
	return client, host
}

// listedClient reads X-Forwarded-For from its end, as far as it is trusted. What the client wrote itself stands before that and
// is not looked at.
func (p *proxies) listedClient(peer netip.Addr, lines []string) netip.Addr {
	client, hops := peer, 0
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; hops++ {
			var last string
			rest, last, more = cutLast(rest)
			from, ok := listedAddress(last)
			if !ok || !from.IsValid() || hops >= maxHops {
				return peer
			}
			if client = from; !p.trusts(from) {
				return client
			}
		}
	}
	return client
}

// cutLast is what stands before and after the last comma.
func cutLast(list string) (rest, last string, more bool) {
	if at := strings.LastIndexByte(list, ','); at >= 0 {
		rest, list, more = list[:at], list[at+1:], true
	}
	return rest, strings.Trim(list, " \t"), more
}

// agreedHost is the host that a trusted peer names; "" when it names none, or not the same one everywhere.
func (p *proxies) agreedHost(host string, named []string) string {
	switch {
	case named == nil:
		return host
	case len(named) != 1 || strings.ContainsRune(named[0], ',') || host != "" && !strings.EqualFold(host, named[0]):
		return ""
	}
	return named[0]
}

// notice counts a request whose fields were not read, and logs the first.
func (p *proxies) notice(remote string, listed, forwarded []string) {
	if listed == nil && forwarded == nil {
		return
	}
	p.unread.Inc()
	if !p.said.Swap(true) {
		p.log.unreadForwarded(remote, p.private)
	}
}
