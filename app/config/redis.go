package config

import (
	"crypto/tls"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

func validRedisURL(v string) bool {
	opt, err := RedisOptions(v)
	if err != nil || strings.Contains(v, "#") {
		return false
	}
	for _, address := range opt.InitAddress {
		if opt.DialCtxFn == nil && !validAddress(address, 1) {
			return false
		}
	}
	return len(opt.InitAddress) > 0
}

// errNoRedisURL says nothing of the text, which may hold a password.
var errNoRedisURL = errors.New("REDIS_URL is not understood")

// RedisOptions reads a REDIS_URL: one address, several separated by commas, `?cluster=1`, rediss:// for TLS, or
// redis-sentinel://host:port,host:port/primary-name, with rediss-sentinel:// for TLS to the sentinels and to the servers. User and
// password are the servers'; sentinels are asked without.
func RedisOptions(value string) (rueidis.ClientOption, error) {
	first, rest, several := strings.Cut(value, ",")
	if rest, ok := strings.CutPrefix(value, "redis-sentinel://"); ok {
		return sentinelOptions(rest, nil)
	}
	if rest, ok := strings.CutPrefix(value, "rediss-sentinel://"); ok {
		return sentinelOptions(rest, &tls.Config{MinVersion: tls.VersionTLS12})
	}
	var tail string
	if several {
		// the options follow the last address
		rest, tail, _ = strings.Cut(rest, "?")
		first += suffix("?", tail)
	}
	u, err := url.Parse(first)
	if err != nil || strings.Contains(u.EscapedPath()+u.RawQuery, "@") {
		return rueidis.ClientOption{}, errNoRedisURL
	}
	q := u.Query()
	cluster := q.Get("cluster") == "1" || q.Get("cluster") == "true" || several
	q.Del("cluster")
	u.RawQuery = q.Encode()
	opt, err := rueidis.ParseURL(u.String())
	if err != nil {
		return rueidis.ClientOption{}, errNoRedisURL
	}
	for address := range strings.SplitSeq(rest, ",") {
		if address = bareAddress(address); address != "" {
			opt.InitAddress = append(opt.InitAddress, address)
		}
	}
	opt.ForceSingleClient = !cluster
	return tuned(opt), nil
}

// sentinelOptions reads what follows the scheme.
func sentinelOptions(value string, secure *tls.Config) (rueidis.ClientOption, error) {
	addresses, name, ok := strings.Cut(value, "/")
	if !ok || addresses == "" || !ordinaryName.MatchString(name) {
		return rueidis.ClientOption{}, errNoRedisURL
	}
	opt := rueidis.ClientOption{TLSConfig: secure}
	if credentials, hosts, found := strings.Cut(addresses, "@"); found {
		addresses = hosts
		user, password, _ := strings.Cut(credentials, ":")
		var wrongUser, wrongPassword error
		opt.Username, wrongUser = url.PathUnescape(user)
		opt.Password, wrongPassword = url.PathUnescape(password)
		if wrongUser != nil || wrongPassword != nil {
			return rueidis.ClientOption{}, errNoRedisURL
		}
	}
	for address := range strings.SplitSeq(addresses, ",") {
		if !strings.Contains(address, ":") {
			address += ":26379"
		}
		opt.InitAddress = append(opt.InitAddress, address)
	}
	opt.Sentinel = rueidis.SentinelOption{MasterSet: name, TLSConfig: secure}
	return tuned(opt), nil
}

func bareAddress(a string) string {
	a = strings.TrimSpace(a)
	if _, after, ok := strings.Cut(a, "://"); ok {
		a = after
	}
	a = strings.TrimSuffix(a[strings.LastIndexByte(a, '@')+1:], "/") // the credentials of the first address are used for all
	if a != "" && !strings.Contains(a, ":") {
		a += ":6379"
	}
	return a
}

func suffix(sep, s string) string {
	if s == "" {
		return ""
	}
	return sep + s
}

// tuned: nothing is cached client-side, calls fail fast, and a dead connection is noticed within a second.
func tuned(opt rueidis.ClientOption) rueidis.ClientOption {
	opt.DisableCache = true
	opt.Dialer.Timeout = redisDialTime
	opt.Dialer.KeepAlive = time.Second
	opt.ConnWriteTimeout = redisWriteTime
	opt.DisableRetry = true
	return opt
}
