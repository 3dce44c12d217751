package app

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgxpool"
)

// reader reads variables and keeps the first error, so that a start stops with exactly one sentence.
type reader struct {
	lookup func(string) (string, bool)
	err    error
}

func (r *reader) fail(name, value, want string) {
	if r.err != nil {
		return
	}
	switch name {
	case "DATABASE_URL", "REDIS_URL":
		value = hidePassword(value)
	case "KAFKA_SASL":
		value = hideCredentials(value)
	case "DB_PASSWORD":
		value = "***"
	}
	r.err = &VariableError{Name: name, Value: value, Want: want}
}

// value is a variable without the space around it. No variable holds control characters, which only a .env file can
// bring: drivers fail over them with words of their own.
func (r *reader) value(name string) (string, bool) {
	v, ok := r.lookup(name)
	v = strings.TrimSpace(v)
	if !utf8.ValidString(v) || strings.ContainsFunc(v, unicode.IsControl) {
		r.fail(name, v, "text without control characters")
	}
	return v, ok && v != ""
}

func (r *reader) text(name, fallback string) string {
	if v, ok := r.value(name); ok {
		return v
	}
	return fallback
}

func (r *reader) checked(name, fallback, want string, valid func(string) bool) string {
	v, ok := r.value(name)
	if !ok {
		return fallback
	}
	if !valid(v) {
		r.fail(name, v, want)
	}
	return v
}

func (r *reader) integer(name string, fallback, low, high int) int {
	v, ok := r.value(name)
	if !ok {
		return fallback
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high {
		r.fail(name, v, fmt.Sprintf("a whole number from %d to %d", low, high))
	}
	return n
}

func (r *reader) boolean(name string, fallback bool) bool {
	v, ok := r.value(name)
	if !ok {
		return fallback
	}
	switch strings.ToLower(v) {
	case "true", "1", "yes", "on":
		return true
	case "false", "0", "no", "off":
		return false
	}
	r.fail(name, v, "true or false")
	return fallback
}

func (r *reader) instant(name string) time.Time {
	v, ok := r.value(name)
	if !ok {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, v)
	t = t.UTC()
	if err != nil || t.Year() < firstYear || t.Year() > lastYear {
		r.fail(name, v, fmt.Sprintf("a time like 2026-01-01T10:00:00.000Z, of the years %d to %d", firstYear, lastYear))
	}
	return t
}

// Years of a sale: what lies outside is a mistake, and beyond 9999 no client could read it.
const (
	firstYear = 2000
	lastYear  = 2999
)

func (r *reader) level(name string) slog.Level {
	var l slog.Level
	if v, ok := r.value(name); ok && l.UnmarshalText([]byte(v)) != nil {
		r.fail(name, v, "debug, info, warn or error")
	}
	return l
}

func (r *reader) list(name string) []string {
	v, set := r.value(name)
	if !set {
		return nil
	}
	var items []string
	for item := range strings.SplitSeq(v, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func (r *reader) addresses(name string) []string {
	items := r.list(name)
	for _, item := range items {
		if !validAddress(item, 1) {
			r.fail(name, item, "host:port, several separated by commas, like localhost:29092")
		}
	}
	return items
}

// each reads a list whose every item has to be valid.
func (r *reader) each(name, want string, valid func(string) bool) []string {
	items := r.list(name)
	for _, item := range items {
		if !valid(item) {
			r.fail(name, item, want)
		}
	}
	return items
}

// foreign names variables of the system this one replaces that have no meaning here.
func (r *reader) foreign() []string {
	var found []string
	for _, name := range []string{"NODE_ENV", "REACT_APP_API_URL", "CYPRESS_BASE_URL", "CYPRESS_BACKEND_URL",
		"CYPRESS_API_TIMEOUT", "CYPRESS_VIEWPORT_WIDTH", "CYPRESS_VIEWPORT_HEIGHT"} {
		if _, ok := r.value(name); ok {
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return []string{strings.Join(found, ", ") + " mean nothing here and are ignored: page and API share one port"}
}

// databaseURL joins the original's DB_* variables when DATABASE_URL is not set.
func databaseURL(r *reader) string {
	const want = "like postgres://localhost:5432/flash_sale (with user and password where they are needed)"
	if v, ok := r.value("DATABASE_URL"); ok {
		if !validDatabaseURL(v) {
			r.fail("DATABASE_URL", v, want)
		}
		return v
	}
	set := false
	for _, name := range []string{"DB_HOST", "DB_PORT", "DB_USERNAME", "DB_PASSWORD", "DB_NAME", "DB_SSLMODE"} {
		_, ok := r.value(name)
		set = set || ok
	}
	if !set {
		return ""
	}
	port := r.integer("DB_PORT", 5432, 1, 65535)
	u := url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(r.text("DB_USERNAME", "postgres"), r.text("DB_PASSWORD", "postgres123")),
		Host:   net.JoinHostPort(r.checked("DB_HOST", "localhost", "a host name or an address", validHost), strconv.Itoa(port)),
		Path:   "/" + r.text("DB_NAME", "flash_sale"),
	}
	modes := []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}
	if mode := r.checked("DB_SSLMODE", "", strings.Join(modes, ", "), oneOf(modes...)); mode != "" {
		u.RawQuery = "sslmode=" + mode
	}
	return u.String()
}

var (
	namespacePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	hostPattern      = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?\.?$`)
	saslPattern      = regexp.MustCompile(`^(plain|scram-sha-256|scram-sha-512):[^:]+:.+$`)
	addressPattern   = regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*://[^\s"\x60]*`)
)

// validNamespace also leaves alone what belongs to PostgreSQL and to a system that used the default schema before.
func validNamespace(v string) bool {
	return namespacePattern.MatchString(v) && !strings.HasPrefix(v, "pg_") && v != "public" && v != "information_schema"
}

func validSASL(v string) bool {
	if !saslPattern.MatchString(v) {
		return false
	}
	_, err := kafkaSASL(v)
	return err == nil
}

func validRedisURL(v string) bool {
	opt, err := redisOptions(v)
	if err != nil {
		return false
	}
	for _, address := range opt.InitAddress {
		if opt.DialCtxFn == nil && !validAddress(address, 1) {
			return false
		}
	}
	return len(opt.InitAddress) > 0
}

func validDatabaseURL(v string) bool {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return false
	}
	_, err = pgxpool.ParseConfig(v)
	return err == nil
}

// validHost takes a name, or an address with or without brackets.
func validHost(v string) bool {
	if address, bracketed := strings.CutPrefix(v, "["); bracketed {
		v = strings.TrimSuffix(address, "]")
	}
	_, err := netip.ParseAddr(v)
	return err == nil || hostPattern.MatchString(v)
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

// hideSecrets takes passwords out of a text that is about to be shown, wherever it holds an address.
func hideSecrets(text string) string { return addressPattern.ReplaceAllStringFunc(text, hidePassword) }

// hidePassword leaves of an address what cannot be one: the scheme, what follows the last @, a port, and no query.
func hidePassword(address string) string {
	scheme, rest, found := strings.Cut(address, "://")
	if !found {
		scheme, rest = "", address
	} else {
		scheme += "://"
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = "***@" + rest[at+1:]
	} else if host, port, ok := strings.Cut(rest, ":"); ok && strings.Trim(port, "0123456789") != "" && !strings.Contains(host, "[") {
		digits := len(port) - len(strings.TrimLeft(port, "0123456789"))
		if digits == 0 || !strings.ContainsRune("/,?", rune(port[digits])) {
			rest = host + ":***"
		}
	}
	if plain, _, asked := strings.Cut(rest, "?"); asked {
		rest = plain + "?***"
	}
	return scheme + rest
}

// hideCredentials shows the mechanism alone.
func hideCredentials(v string) string {
	mechanism, _, _ := strings.Cut(v, ":")
	return mechanism + ":***"
}
