package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	namespacePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	hostPattern      = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?\.?$`)
	tokenPattern     = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)
)

// validToken takes what can stand in an Authorization field (RFC 6750) and is too long to be guessed.
func validToken(v string) bool { return len(v) >= 16 && len(v) <= 200 && tokenPattern.MatchString(v) }

// validNamespace also refuses PostgreSQL's own schemas, and public, which the system before this one used.
func validNamespace(v string) bool {
	return namespacePattern.MatchString(v) && !strings.HasPrefix(v, "pg_") && v != "public" && v != "information_schema"
}

// longestHost is how long the name of a host may be.
const longestHost = 253

// validHost takes a name, or an address with or without brackets.
func validHost(v string) bool {
	if address, bracketed := strings.CutPrefix(v, "["); bracketed {
		v = strings.TrimSuffix(address, "]")
	}
	_, err := netip.ParseAddr(v)
	return err == nil || len(v) <= longestHost && hostPattern.MatchString(v)
}

// validAddress takes host:port with a port from lowest on.
func validAddress(v string, lowest int) bool {
	host, port, err := net.SplitHostPort(v)
	n, wrong := strconv.Atoi(port)
	return err == nil && wrong == nil && n >= lowest && n <= 65535 && (host == "" || validHost(host))
}

// validDemoHost takes a host with or without a port, which is ignored.
func validDemoHost(v string) bool { return validHost(v) || validAddress(v, 0) && v[0] != ':' }

// validOrigin takes what a browser sends as Origin.
func validOrigin(v string) bool {
	u, err := url.Parse(v)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") &&
		strings.EqualFold(strings.TrimSuffix(v, "/"), u.Scheme+"://"+u.Host) && (validHost(u.Host) || validAddress(u.Host, 1))
}

func oneOf(words ...string) func(string) bool {
	return func(v string) bool { return slices.Contains(words, v) }
}

func validNetwork(v string) bool {
	_, ok := parseNetwork(v)
	return ok
}

// parseNetwork takes a network or a single address. An IPv4 network may be written as one of IPv6, as IPv4 clients of a
// listener for both look.
func parseNetwork(v string) (netip.Prefix, bool) {
	if address, err := netip.ParseAddr(v); err == nil && address.Zone() == "" {
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), true
	}
	p, err := netip.ParsePrefix(v)
	if err != nil {
		return netip.Prefix{}, false
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, false
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}
