package web

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

// maxBody is the most a request body may have, in bytes.
const maxBody = 4 << 10

// encoding is how a body is written.
type encoding int

const (
	asJSON encoding = iota
	asForm
)

// readBody reads a whole body into buf, whose capacity must be more than maxBody. The result shares its memory.
func readBody(r *http.Request, buf []byte) ([]byte, error) {
	if r.ContentLength > maxBody {
		return nil, errTooLarge
	}
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	n := 0
	buf = buf[:cap(buf)]
	for n <= maxBody {
		got, err := r.Body.Read(buf[n:])
		n += got
		if errors.Is(err, io.EOF) {
			return limited(buf[:n])
		}
		if err != nil {
			return nil, badField("body", "could not be read to its end")
		}
	}
	return nil, errTooLarge
}

func limited(body []byte) ([]byte, error) {
	if len(body) > maxBody {
		return nil, errTooLarge
	}
	return body, nil
}

// bodyEncoding reads Content-Type and Content-Encoding. No content type means JSON.
func bodyEncoding(h http.Header) (encoding, error) {
	if e := h.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return 0, errMediaType
	}
	ct := h.Get("Content-Type")
	if ct == "" || ct == "application/json" {
		return asJSON, nil
	}
	media, params, err := mime.ParseMediaType(ct)
	if err != nil {
		return 0, errMediaType
	}
	if cs, ok := params["charset"]; ok && !strings.EqualFold(cs, "utf-8") {
		return 0, errMediaType
	}
	switch media {
	case "application/json":
		return asJSON, nil
	case "application/x-www-form-urlencoded":
		return asForm, nil
	}
	return 0, errMediaType
}

// shape is the type a field of a body must have.
type shape int

const (
	text shape = iota
	flag
	number
)

func (s shape) expected() string {
	switch s {
	case flag:
		return "must be true or false"
	case number:
		return "must be a whole number"
	case text:
	}
	return "must be a string"
}

// values are the decoded fields of a body, by name: a string, bool or int64 as the spec says.
type values map[string]any

// spec names the fields a route knows, each with its shape. Other fields are ignored.
type spec map[string]shape

// decodeBody decodes the body of a request. No body, or one of blanks only, gives no values, whatever its content type.
func decodeBody(h http.Header, body []byte, known spec) (values, error) {
	if blank(body) {
		return values{}, nil
	}
	enc, err := bodyEncoding(h)
	if err != nil {
		return nil, err
	}
	if enc == asForm {
		return decodeForm(body, known)
	}
	return decodeJSON(body, known)
}

func blank(body []byte) bool {
	for _, b := range body {
		if !space(b) {
			return false
		}
	}
	return true
}

func space(b byte) bool { return b == ' ' || b == '\n' || b == '\r' || b == '\t' }

// flagOr is a flag of the body, or def when it is absent.
func (v values) flagOr(name string, def bool) bool {
	if b, ok := v[name].(bool); ok {
		return b
	}
	return def
}

// whole is a number of the body between low and high, or def when it is absent; def < low: it must be there.
func (v values) whole(name string, low, high, def int64) (int64, error) {
	n, ok := v[name].(int64)
	if !ok {
		n = def
	}
	if n < low || n > high {
		return 0, badField(name, "must be a whole number from "+itoa64(low)+" to "+itoa64(high))
	}
	return n, nil
}
