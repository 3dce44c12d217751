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

// VariableError is a wrong value of one environment variable. Its text is the one sentence the operator sees. What was
// not understood may be a password in the wrong place, so nothing of the given text is in the sentence.
type VariableError struct {
	Name string
	// Value is what was understood, in the program's own words, as a number or a time; "" when nothing was.
	Value string
	// Item is which item of a list was not understood, from 1 on; 0 when the variable is no list.
	Item int
	// Length is how many characters the text has that was not understood.
	Length int
	Want   string
}

func (e *VariableError) Error() string {
	what := e.Value
	switch {
	case what != "":
	case e.Item > 0:
		what = fmt.Sprintf("not understood (its item %d has %d characters)", e.Item, e.Length)
	default:
		what = fmt.Sprintf("not understood (it has %d characters)", e.Length)
	}
	return fmt.Sprintf("%s is %s; it must be %s", e.Name, what, e.Want)
}

// reader reads variables and keeps the first error, so that a start stops with exactly one sentence.
type reader struct {
	lookup func(string) (string, bool)
	err    error
}

// fail refuses a text that was not understood.
func (r *reader) fail(name, text, want string) {
	r.keep(&VariableError{Name: name, Length: utf8.RuneCountInString(text), Want: want})
}

// refuse refuses a value that was understood, and shows it.
func (r *reader) refuse(name, understood, want string) {
	r.keep(&VariableError{Name: name, Value: understood, Want: want})
}

func (r *reader) keep(err *VariableError) {
	if r.err == nil {
		r.err = err
	}
}

// value is a variable, or the text of the file that its twin names.
func (r *reader) value(name string) (string, bool) {
	if isSecret(name) {
		return r.secret(name)
	}
	return r.plain(name)
}

// plain is a variable without the space around it. No variable holds control characters, which only a .env file can
// contain: drivers report them in errors that name no variable.
func (r *reader) plain(name string) (string, bool) {
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
	want := fmt.Sprintf("a whole number from %d to %d", low, high)
	n, err := strconv.Atoi(v)
	switch {
	case err != nil:
		r.fail(name, v, want)
	case n < low, n > high:
		r.refuse(name, strconv.Itoa(n), want)
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

func (r *reader) duration(name string, fallback, low, high time.Duration, want string) time.Duration {
	v, ok := r.value(name)
	if !ok {
		return fallback
	}
	d, err := time.ParseDuration(v)
	switch {
	case err != nil:
		r.fail(name, v, want)
	case d < low, d > high:
		r.refuse(name, d.String(), want)
	}
	return d
}

func (r *reader) instant(name string) time.Time {
	v, ok := r.value(name)
	if !ok {
		return time.Time{}
	}
	want := fmt.Sprintf("a time like 2026-01-01T10:00:00.000Z, of the years %d to %d", FirstYear, LastYear)
	t, err := ParseTime(v)
	switch {
	case err != nil:
		r.fail(name, v, want)
	case t.Year() < FirstYear, t.Year() > LastYear:
		r.refuse(name, t.Format(time.RFC3339Nano), want)
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
	return r.each(name, "host:port, several separated by commas, like localhost:29092", func(v string) bool { return validAddress(v, 1) })
}

// each reads a list whose every item has to be valid.
func (r *reader) each(name, want string, valid func(string) bool) []string {
	items := r.list(name)
	for i, item := range items {
		if !valid(item) {
			r.keep(&VariableError{Name: name, Item: i + 1, Length: utf8.RuneCountInString(item), Want: want})
		}
	}
	return items
}

// foreignNames are variables of the system this one replaces that have no meaning here.
func foreignNames() []string {
	return []string{"NODE_ENV", "REACT_APP_API_URL", "CYPRESS_BASE_URL", "CYPRESS_BACKEND_URL", "CYPRESS_API_TIMEOUT",
		"CYPRESS_VIEWPORT_WIDTH", "CYPRESS_VIEWPORT_HEIGHT"}
}

// foreign names variables of the system this one replaces that have no meaning here.
func (r *reader) foreign() []string {
	var found []string
	for _, name := range foreignNames() {
		if _, ok := r.value(name); ok {
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return []string{strings.Join(found, ", ") + " mean nothing here and are ignored: page and API share one port"}
}
