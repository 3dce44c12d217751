package admin

import (
	"net/http"
	"net/url"
	"slices"

	"flashsale/app/web/request"
)

// conditionsOf gives the Idempotency-Key and If-Match of an act. The forms of a page have them as fields of the same names, because
// a form cannot send header fields. rest is the body without them: they are not part of what the act does, so a repeat may name
// another revision.
func conditionsOf(h http.Header, body []byte) (conditions http.Header, rest []byte, err error) {
	conditions, rest = http.Header{}, body
	form := request.Form(h, body)
	for _, name := range []string{"Idempotency-Key", "If-Match"} {
		sent, inForm := h[name], form[name]
		if len(sent) > 0 && len(inForm) > 0 && !slices.Equal(sent, inForm) {
			return nil, nil, request.BadField(name, "is in the form and in the header, with different values")
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
