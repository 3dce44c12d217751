package config

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// VariableError is a wrong value of one environment variable. Its text is the one sentence the operator sees.
type VariableError struct {
	Name, Value, Want string
}

func (e *VariableError) Error() string {
	const most = 200
	value := e.Value
	if len(value) > most {
		value = value[:most] + "..."
	}
	return fmt.Sprintf("%s is %q; it must be %s", e.Name, value, e.Want)
}

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
	case "DB_PASSWORD", "OPS_TOKEN":
		value = "***"
	}
	r.err = &VariableError{Name: name, Value: value, Want: want}
}

// value is a variable without the space around it. No variable holds control characters, which only a .env file can
// contain: drivers report them in errors that name no variable.
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
	if err != nil || t.Year() < FirstYear || t.Year() > LastYear {
		r.fail(name, v, fmt.Sprintf("a time like 2026-01-01T10:00:00.000Z, of the years %d to %d", FirstYear, LastYear))
	}
	return t
}

// Years of a sale: what lies outside is a mistake, and beyond 9999 no client could read it.
const (
	FirstYear = 2000
	LastYear  = 2999
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
