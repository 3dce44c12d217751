package web

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
)

// Field values that every answer shares: assigning them allocates nothing. Nobody changes them.
//
//nolint:gochecknoglobals // constants in all but name: a header takes a slice
var (
	plainJSON        = []string{"application/json; charset=utf-8"}
	problemJSON      = []string{"application/problem+json; charset=utf-8"}
	headerNosniff    = []string{"nosniff"}
	headerVaryOrigin = []string{"Origin"}
	headerNoStore    = []string{"no-store"}
)

// writeBytes sends a finished body. A client that has gone away is no error of ours.
func writeBytes(res *echo.Response, status int, contentType []string, body []byte) {
	res.Header()[echo.HeaderContentType] = contentType
	res.WriteHeader(status)
	_, _ = res.Write(body)
}

// writeJSON sends a value that is not on the hot path.
func writeJSON(c echo.Context, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	writeBytes(c.Response(), status, plainJSON, append(body, '\n'))
	return nil
}

// instant is a time as the API writes it: UTC, milliseconds, "2026-01-01T10:00:00.000Z".
type instant time.Time

const instantLayout = "2006-01-02T15:04:05.000Z"

func (t instant) MarshalText() ([]byte, error) { return appendInstant(nil, time.Time(t)), nil }

func appendInstant(b []byte, t time.Time) []byte { return t.UTC().AppendFormat(b, instantLayout) }

// appendString writes a JSON string. Text that is not UTF-8 gets replacement characters.
func appendString(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s)
	return b
}

func itoa(n int) string     { return strconv.Itoa(n) }
func itoa64(n int64) string { return strconv.FormatInt(n, 10) }

// param is a path parameter as the client meant it. Echo leaves the escapes in when the path has unusual ones.
func param(c echo.Context, name string) string {
	v := c.Param(name)
	if c.Request().URL.RawPath == "" {
		return v
	}
	if plain, err := url.PathUnescape(v); err == nil {
		return plain
	}
	return v
}

// queryValue is a value of the query, "" when it is not given. A query that cannot be read is refused, also where
// another part of it is broken: the standard library drops what it cannot read, and a default would stand in for it.
func queryValue(c echo.Context, name string) (value string, given bool, err error) {
	q, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return "", false, badField("query", "must be correctly encoded name=value pairs, separated by &")
	}
	all, given := q[name]
	if len(all) > 1 {
		return "", false, badField(name, "must appear once")
	}
	return q.Get(name), given, nil
}

// setVersion says on which version of the sale an answer rests.
func setVersion(h http.Header, version int64) {
	if version > 0 {
		h[headerSaleVersion] = []string{itoa64(version)}
	}
}

func appendInt(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

func appendUUID(b []byte, id uuid.UUID) []byte { return append(b, id.String()...) }
