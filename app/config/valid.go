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
)

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
