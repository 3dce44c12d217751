package request

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"flashsale/views/text"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// decodeJSON reads a body strictly: one object in valid UTF-8, no key twice (at any depth), every known field of its
// shape, nothing after the object. Every refusal names the field.
func decodeJSON(body []byte, known Spec) (Values, error) {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	if d.PeekKind() != '{' {
		return nil, BadField("body", "must be one JSON object")
	}
	got := Values{}
	if err := decodeObject(d, known, got); err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, BadField("body", "must end after the JSON object")
	}
	return got, nil
}

func decodeObject(d *jsontext.Decoder, known Spec, got Values) error {
	if _, err := d.ReadToken(); err != nil {
		return malformed(err)
	}
	for d.PeekKind() != '}' {
		key, err := d.ReadToken()
		if err != nil {
			return malformed(err)
		}
		name := key.String()
		if err := decodeMember(d, name, known, got); err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return malformed(err)
	}
	return nil
}

func decodeMember(d *jsontext.Decoder, name string, known Spec, got Values) error {
	want, ok := known[name]
	if !ok {
		if err := d.SkipValue(); err != nil {
			return malformed(err)
		}
		return nil
	}
	raw, err := d.ReadValue()
	if err != nil {
		return malformed(err)
	}
	v, ok := want.read(raw)
	if !ok {
		return BadField(name, want.expected(string(raw)))
	}
	got[name] = v
	return nil
}

// read takes a JSON value of this shape.
func (s Shape) read(raw jsontext.Value) (any, bool) {
	switch {
	case s == Words && raw.Kind() == '[':
		return joined(raw, " ")
	case s == Lines && raw.Kind() == '[':
		return joined(raw, "\n")
	case (s == Text || s == Words || s == Lines) && raw.Kind() == '"':
		b, err := jsontext.AppendUnquote(nil, raw)
		return string(b), err == nil
	case s == Flag && (raw.Kind() == 't' || raw.Kind() == 'f'):
		return raw.Kind() == 't', true
	case s == Number && raw.Kind() == '0':
		n, err := strconv.ParseInt(string(raw), 10, 64)
		return n, err == nil
	}
	return nil, false
}

// joined is an array of texts as one text, with a separator between them. A line has no line break.
func joined(raw jsontext.Value, with string) (any, bool) {
	var list []jsontext.Value
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, false
	}
	words := make([]string, len(list))
	for i, one := range list {
		b, err := jsontext.AppendUnquote(nil, one)
		if err != nil || one.Kind() != '"' {
			return nil, false
		}
		if words[i] = string(b); with == "\n" && strings.ContainsAny(words[i], "\r\n") {
			return nil, false
		}
	}
	return strings.Join(words, with), true
}

// malformed names the place where the JSON is broken.
func malformed(err error) error {
	var syntax *jsontext.SyntacticError
	if !errors.As(err, &syntax) {
		return BadField("body", "must be complete JSON")
	}
	field := "body"
	if syntax.JSONPointer != "" {
		field = Clip(strings.Join(slices.Collect(syntax.JSONPointer.Tokens()), "."))
	}
	if field == "" {
		field = `""` // the empty name is one, too
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return BadField(field, text.Key("must appear once"))
	}
	return BadField(field, "must be valid JSON in UTF-8; it breaks off at byte "+strconv.FormatInt(syntax.ByteOffset, 10))
}

// Clip shortens a name from a request to at most 64 bytes, so that an answer stays small.
func Clip(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// Form is the fields of a body that is an HTML form. It is empty for any other body, and for one that is no correct form.
func Form(h http.Header, body []byte) url.Values {
	if enc, err := bodyEncoding(h); err != nil || enc != asForm {
		return url.Values{}
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return url.Values{}
	}
	return form
}

// decodeForm takes an HTML form with the same names and rules.
func decodeForm(body []byte, known Spec) (Values, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, BadField("body", "must be a correctly encoded form")
	}
	got := Values{}
	// In order, so that the same form is always refused for the same field.
	for _, name := range slices.Sorted(maps.Keys(known)) {
		want := known[name]
		all, ok := form[name]
		if !ok {
			continue
		}
		if len(all) > 1 {
			return nil, BadField(name, text.Key("must appear once"))
		}
		v, ok := want.parse(all[0])
		if !ok {
			return nil, BadField(name, want.expected(all[0]))
		}
		got[name] = v
	}
	return got, nil
}

// parse takes a form's value of this shape. A checkbox without a value sends "on".
func (s Shape) parse(v string) (any, bool) {
	switch s {
	case Flag:
		if v == "on" {
			return true, true
		}
		b, err := strconv.ParseBool(v)
		return b, err == nil
	case Number:
		n, err := strconv.ParseInt(v, 10, 64)
		return n, err == nil
	case Text, Words, Lines:
	}
	return v, utf8.ValidString(v)
}
