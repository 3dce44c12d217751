package api

import (
	"bytes"

	"flashsale/app/web/request"
)

// The names under which a purchase may name the shopper: ours, and the two of the original.
const (
	fieldUsername   = "username"
	fieldIdentifier = "userIdentifier"
	fieldUserID     = "userId"
)

// scanName reads the ordinary purchase body, and nothing else: an object with one of the three names and a value of plain ASCII
// without escapes, or, where the session says who it is, an empty one. For every other body, valid or not, ok is false and the
// strict decoder reads it. What the scanner accepts, the decoder reads as the same name. The result shares body's memory.
func scanName(body []byte) (name []byte, ok bool) {
	rest, ok := after(body, '{')
	if !ok {
		return nil, false
	}
	if end, empty := after(rest, '}'); empty {
		return nil, request.Blank(end)
	}
	key, rest, ok := plainString(rest)
	if !ok || !purchaseField(key) {
		return nil, false
	}
	if rest, ok = after(rest, ':'); !ok {
		return nil, false
	}
	if name, rest, ok = plainString(rest); !ok {
		return nil, false
	}
	if rest, ok = after(rest, '}'); !ok {
		return nil, false
	}
	return name, request.Blank(rest)
}

func purchaseField(key []byte) bool {
	switch string(key) {
	case fieldUsername, fieldIdentifier, fieldUserID:
		return true
	}
	return false
}

// after skips blanks and then the byte b.
func after(in []byte, b byte) ([]byte, bool) {
	in = skipBlanks(in)
	if len(in) == 0 || in[0] != b {
		return nil, false
	}
	return in[1:], true
}

func skipBlanks(in []byte) []byte {
	for len(in) > 0 && request.Space(in[0]) {
		in = in[1:]
	}
	return in
}

// plainString reads a quoted string of printable ASCII without a backslash.
func plainString(in []byte) (s, rest []byte, ok bool) {
	in, ok = after(in, '"')
	if !ok {
		return nil, nil, false
	}
	end := bytes.IndexByte(in, '"')
	if end < 0 {
		return nil, nil, false
	}
	for _, b := range in[:end] {
		if b < 0x20 || b >= 0x7f || b == '\\' {
			return nil, nil, false
		}
	}
	return in[:end], in[end+1:], true
}

// purchaseSpec is the purchase body as the strict decoder reads it.
func purchaseSpec() request.Spec {
	return request.Spec{fieldUsername: request.Text, fieldIdentifier: request.Text, fieldUserID: request.Text}
}

// strictName is the shopper's name in a body that the decoder read. Two names that differ are an error; no name gives "".
func strictName(v request.Values) (string, error) {
	name, from := "", ""
	for _, field := range []string{fieldUsername, fieldIdentifier, fieldUserID} {
		s, ok := v[field].(string)
		if !ok {
			continue
		}
		if from != "" && s != name {
			return "", request.BadField(field, "must be the same as "+from+" when both are given")
		}
		name, from = s, field
	}
	return name, nil
}
