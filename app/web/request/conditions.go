package request

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"slices"
)

// Conditions gives the Idempotency-Key and If-Match of an act. The forms of a page have them as fields of the same names, because
// a form cannot send header fields. rest is the body without them: they are not part of what the act does, so a repeat may name
// another revision.
func Conditions(h http.Header, body []byte) (conditions http.Header, rest []byte, err error) {
	conditions, rest = http.Header{}, body
	form := Form(h, body)
	for _, name := range []string{"Idempotency-Key", "If-Match"} {
		sent, inForm := h[name], form[name]
		if len(sent) > 0 && len(inForm) > 0 && !slices.Equal(sent, inForm) {
			return nil, nil, BadField(name, "is in the form and in the header, with different values")
		}
		if len(inForm) > 0 {
			sent, rest = inForm, without(form, name)
		}
		if len(sent) > 0 {
			conditions[name] = sent
		}
	}
	return conditions, rest, nil
}

// without takes a field out of a form and encodes the others.
func without(form url.Values, name string) []byte {
	form.Del(name)
	return []byte(form.Encode())
}

// Digest differs for different requests, so that a key cannot be used for a second one.
func Digest(r *http.Request, body []byte) [32]byte {
	h := sha256.New()
	for _, part := range []string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, string(body)} {
		h.Write(AppendInt(nil, int64(len(part))))
		h.Write([]byte{' '})
		h.Write([]byte(part))
	}
	return [32]byte(h.Sum(nil))
}
