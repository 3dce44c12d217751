package request

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"flashsale/views/text"
)

// MaxBody is the most a request body may have, in bytes.
const MaxBody = 4 << 10

// MaxForm is the most that a form with long texts may have, in bytes.
const MaxForm = 64 << 10

// encoding is the format of a body.
type encoding int

const (
	asJSON encoding = iota
	asForm
)

// ReadBody reads a whole body into buf, whose capacity must be more than MaxBody. The result shares its memory.
func ReadBody(r *http.Request, buf []byte) ([]byte, error) { return readUpTo(r, buf, MaxBody) }

// ReadForm reads a whole body of at most MaxForm, for the few forms with long texts.
func ReadForm(r *http.Request) ([]byte, error) { return readUpTo(r, make([]byte, MaxForm+1), MaxForm) }

func readUpTo(r *http.Request, buf []byte, most int) ([]byte, error) {
	if r.ContentLength > int64(most) {
		return nil, ErrTooLarge
	}
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	n := 0
	buf = buf[:cap(buf)]
	for n <= most {
		got, err := r.Body.Read(buf[n:])
		n += got
		if errors.Is(err, io.EOF) {
			return limited(buf[:n], most)
		}
		if err != nil {
			return nil, BadField("body", "could not be read to its end")
		}
	}
	return nil, ErrTooLarge
}

func limited(body []byte, most int) ([]byte, error) {
	if len(body) > most {
		return nil, ErrTooLarge
	}
	return body, nil
}

// bodyEncoding reads Content-Type and Content-Encoding. No content type means JSON.
func bodyEncoding(h http.Header) (encoding, error) {
	if e := h.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return 0, ErrMediaType
	}
	ct := h.Get("Content-Type")
	if ct == "" || ct == "application/json" {
		return asJSON, nil
	}
	media, params, err := mime.ParseMediaType(ct)
	if err != nil {
		return 0, ErrMediaType
	}
	if cs, ok := params["charset"]; ok && !strings.EqualFold(cs, "utf-8") {
		return 0, ErrMediaType
	}
	switch media {
	case "application/json":
		return asJSON, nil
	case "application/x-www-form-urlencoded":
		return asForm, nil
	}
	return 0, ErrMediaType
}

// Shape is the type a field of a body must have.
type Shape int

const (
	Text Shape = iota
	Flag
	Number
	// Words is a text with blanks; in JSON also an array of texts, which are joined by blanks.
	Words
	// Lines is a text of lines; in JSON also an array of texts, which are its lines.
	Lines
)

// expected says what is wrong with a value, as text, that is not of this shape.
func (s Shape) expected(value string) string {
	switch s {
	case Flag:
		return "must be true or false"
	case Number:
		if _, err := strconv.ParseInt(value, 10, 64); errors.Is(err, strconv.ErrRange) {
			if value[0] == '-' {
				return text.Key("is too small")
			}
			return text.Key("is too large")
		}
		return text.Key("must be a whole number")
	case Words:
		return `must be one text with spaces, like "read operate", or a list of texts`
	case Lines:
		return "must be one text with a line for each, or a list of texts without line breaks"
	case Text:
	}
	return "must be a string"
}

// Values are the decoded fields of a body, by name: a string, bool or int64 as the Spec says.
type Values map[string]any

// Spec names the fields a route knows, each with its shape. Other fields are ignored.
type Spec map[string]Shape

// Has is true for a field that the route knows.
func (s Spec) Has(field string) bool {
	_, known := s[field]
	return known
}

// DecodeBody decodes the body of a request. No body, or one of blanks only, gives no values, whatever its content type.
func DecodeBody(h http.Header, body []byte, known Spec) (Values, error) {
	if Blank(body) {
		return Values{}, nil
	}
	enc, err := bodyEncoding(h)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(body, []byte("\ufeff")) {
		return nil, BadField("body", "must not begin with a byte order mark (BOM): save it as UTF-8 without one")
	}
	if enc == asForm {
		return decodeForm(body, known)
	}
	return decodeJSON(body, known)
}

// Blank is true for a body of white space only.
func Blank(body []byte) bool {
	for _, b := range body {
		if !Space(b) {
			return false
		}
	}
	return true
}

// Space is true for the white space of JSON.
func Space(b byte) bool { return b == ' ' || b == '\n' || b == '\r' || b == '\t' }

// FlagOr is a flag of the body, or def when it is absent.
func (v Values) FlagOr(name string, def bool) bool {
	if b, ok := v[name].(bool); ok {
		return b
	}
	return def
}

// Whole is a number of the body between low and high, or def when it is absent. With def < low it is required.
func (v Values) Whole(name string, low, high, def int64) (int64, error) {
	n, ok := v[name].(int64)
	if !ok {
		n = def
	}
	if n < low || n > high {
		return 0, notWhole(name, low, high)
	}
	return n, nil
}

// Years of a sale. A year outside them is refused as a mistake, here as in the configuration.
const (
	firstYear = 2000
	lastYear  = 2999
)

// strictTime is RFC 3339 with a point before fractions and an offset below a day. Go's parser takes a comma and +24:00.
// app/config has the same for settings and flags, and a test of app compares them.
var strictTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// Instant is a time of the body, or nil when it is absent. It is in whole microseconds, which is what Postgres keeps.
func (v Values) Instant(name string) (*time.Time, error) {
	raw, given := v[name].(string)
	if !given {
		return nil, nil
	}
	t, err := time.Parse(time.RFC3339, raw)
	t = t.UTC().Truncate(time.Microsecond)
	if err != nil || !strictTime.MatchString(raw) || t.Year() < firstYear || t.Year() > lastYear {
		return nil, BadField(name, "must be a time like 2026-01-01T10:00:00.000Z, of the years 2000 to 2999")
	}
	return &t, nil
}
