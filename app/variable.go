package app

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reader reads variables and keeps the first error, so that a start stops with exactly one sentence.
type reader struct {
	lookup func(string) (string, bool)
	err    error
}

func (r *reader) fail(name, value, want string) {
	if r.err == nil {
		r.err = &VariableError{Name: name, Value: value, Want: want}
	}
}

func (r *reader) value(name string) (string, bool) {
	v, ok := r.lookup(name)
	v = strings.TrimSpace(v)
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
		r.fail(name, hideSecrets(v), want)
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
	if err != nil {
		r.fail(name, v, "a time like 2026-01-01T10:00:00.000Z")
	}
	return t.UTC()
}

func (r *reader) level(name string) slog.Level {
	var l slog.Level
	if v, ok := r.value(name); ok && l.UnmarshalText([]byte(v)) != nil {
		r.fail(name, v, "debug, info, warn or error")
	}
	return l
}

func (r *reader) list(name string) []string {
	v, _ := r.value(name)
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
		if _, port, err := net.SplitHostPort(item); err != nil || port == "" {
			r.fail(name, item, "host:port, several separated by commas, like localhost:29092")
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
		if u, err := url.Parse(v); err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
			r.fail("DATABASE_URL", hideSecrets(v), want)
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
		Host:   net.JoinHostPort(r.text("DB_HOST", "localhost"), strconv.Itoa(port)),
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
	saslPattern      = regexp.MustCompile(`^(plain|scram-sha-256|scram-sha-512):[^:]+:.+$`)
	secretPattern    = regexp.MustCompile(`(://[^:/@]*:)[^@]*@`)
	saslSecret       = regexp.MustCompile(`^([A-Za-z0-9-]+:[^:/]+):.*$`)
)

func validNamespace(v string) bool { return namespacePattern.MatchString(v) }

func validSASL(v string) bool { return saslPattern.MatchString(v) }

func validRedisURL(v string) bool {
	_, err := redisOptions(v)
	return err == nil
}

func oneOf(words ...string) func(string) bool {
	return func(v string) bool { return slices.Contains(words, v) }
}

// hideSecrets takes passwords out of a value that is about to be shown.
func hideSecrets(v string) string {
	return saslSecret.ReplaceAllString(secretPattern.ReplaceAllString(v, "${1}***@"), "${1}:***")
}
