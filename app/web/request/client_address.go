package request

import (
	"crypto/tls"
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
	// outside stands for the TLS of a client's connection to a proxy, of which nothing else is known.
	outside *tls.ConnectionState
}

func newProxies(trusted []netip.Prefix, private bool, log *Log, reg prometheus.Registerer) *proxies {
	return &proxies{trusted: trusted, private: private, log: log, outside: &tls.ConnectionState{HandshakeComplete: true}, unread: promauto.With(reg).NewCounter(prometheus.CounterOpts{
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

// locate sets the request's RemoteAddr to the client's address, and its TLS to whether the client's own connection has any, as a
// trusted proxy says it. Whoever asks for the address of a client takes it from there, and for the other there is Secure.
func (p *proxies) locate(r *http.Request) way {
	if p.private {
		return p.passed(r)
	}
	listed, forwarded := r.Header[fieldForwardedFor], r.Header[fieldForwarded]
	if listed == nil && forwarded == nil && (p.trusted == nil || r.Header[fieldForwardedHost] == nil && r.Header[fieldForwardedProto] == nil) {
		return way{}
	}
	peer, ok := peerAddress(r.RemoteAddr)
	if !ok || !p.trusts(peer) {
		p.notice(r.RemoteAddr, listed, forwarded)
		return way{}
	}
	client, said := p.client(peer, listed, forwarded)
	if client != peer {
		r.RemoteAddr = net.JoinHostPort(client.String(), "0") // the port of a client behind a proxy is not known
	}
	p.settleTLS(r, said.proto, r.Header[fieldForwardedProto])
	return way{host: p.agreedHost(said.host, r.Header[fieldForwardedHost])}
}

// passed tells whether a request to a private demo has passed a proxy. It is then refused, whoever the client is.
func (p *proxies) passed(r *http.Request) way {
	if !IsForwarded(r.Header) {
		return way{}
	}
	p.notice(r.RemoteAddr, r.Header[fieldForwardedFor], r.Header[fieldForwarded])
	return way{forwarded: true}
}

// Client is the address of the client, without its port, as the audit log and a list of sessions show it.
func Client(r *http.Request) string {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host
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

// client is the address that the fields of a trusted peer name, or the peer's own, and what the field Forwarded says of it.
func (p *proxies) client(peer netip.Addr, listed, forwarded []string) (client netip.Addr, said hop) {
	client = peer
	if listed != nil {
		client = p.listedClient(peer, listed)
	}
	if forwarded == nil {
		return client, hop{}
	}
	named, said := p.forwardedClient(peer, forwarded)
	if listed != nil && named != client {
		return peer, hop{}
	}
	return named, said
}

// forwardedClient reads Forwarded. When all of it is trusted, the first address is the client's.
func (p *proxies) forwardedClient(peer netip.Addr, lines []string) (client netip.Addr, said hop) {
	hops, ok := forwardedHops(lines)
	client = peer
	for i := len(hops) - 1; ok && i >= 0; i-- {
		if !hops[i].from.IsValid() {
			return peer, hop{}
		}
		client, said = hops[i].from, hops[i]
		if !p.trusts(client) {
			break
		}
	}
	return client, said
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

// settleTLS takes the word of a trusted peer on the client's connection. When it says nothing, the peer's own connection counts;
// when it says two things, the client's counts as one without TLS, because then no answer relies on it.
func (p *proxies) settleTLS(r *http.Request, said string, named []string) {
	if said == "" && named == nil {
		return
	}
	if named == nil {
		named = []string{said}
	}
	r.TLS = nil
	if len(named) == 1 && strings.EqualFold(named[0], "https") && (said == "" || strings.EqualFold(said, "https")) {
		r.TLS = p.outside
	}
}

// Secure reports whether the client's connection has TLS: its own to this process, or the one to a trusted proxy, by that proxy's
// word. It is for requests that have passed the middleware.
func Secure(r *http.Request) bool { return r.TLS != nil }

// ownTLS reports whether the connection that this process reads has TLS.
func ownTLS(r *http.Request) bool { return r.TLS != nil && r.TLS.Version != 0 }

// OwnConnection reports whether a handler may take the connection of a request over and write to it directly: one request at a
// time is on it, and nothing is encrypted.
func OwnConnection(r *http.Request) bool { return r.ProtoMajor == 1 && !ownTLS(r) }

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
