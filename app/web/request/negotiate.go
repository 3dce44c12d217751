package request

import (
	"net/http"
	"net/url"
	"strings"

	"flashsale/views/text"
)

// WantsPage reports whether the answer should be HTML: the request is htmx's, or its Accept field prefers
// text/html to JSON. "*/*" or nothing means JSON.
func WantsPage(r *http.Request) bool {
	if Header(r, "Hx-Request") == "true" {
		return true
	}
	accept := Header(r, "Accept")
	if accept == "" || accept == "*/*" || accept == "application/json" {
		return false
	}
	return prefers(accept, "text/html", "application/json")
}

// WantsJSON reports whether a program asks for JSON by its name, where plain text is the usual answer.
func WantsJSON(r *http.Request) bool {
	return prefers(Header(r, "Accept"), "application/json", "text/plain")
}

// prefers reports whether an Accept field ranks media type a above b: by q, then by what is named first.
func prefers(accept, a, b string) bool {
	bestA, bestB, atA, atB := -1.0, -1.0, 0, 0
	for i, part := range strings.Split(accept, ",") {
		media, q := acceptPart(part)
		switch media {
		case a:
			bestA, atA = q, i
		case b:
			bestB, atB = q, i
		}
	}
	if bestA <= 0 {
		return false
	}
	return bestA > bestB || bestA == bestB && atA < atB
}

func acceptPart(part string) (media string, q float64) {
	media, params, _ := strings.Cut(part, ";")
	q = 1
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(name, "q") {
			q = quality(value)
		}
	}
	return strings.ToLower(strings.TrimSpace(media)), q
}

// quality reads a q value such as 0.8. Any other text counts as 0.
func quality(v string) float64 {
	whole, frac, _ := strings.Cut(v, ".")
	switch {
	case whole == "1" && strings.Trim(frac, "0") == "":
		return 1
	case whole != "0" || len(frac) > 3:
		return 0
	}
	q, unit := 0.0, 0.1
	for _, d := range frac {
		if d < '0' || d > '9' {
			return 0
		}
		q += float64(d-'0') * unit
		unit /= 10
	}
	return q
}

// PrefersAsync reports whether the Prefer field asks for an answer before the verdict (RFC 7240).
func PrefersAsync(r *http.Request) bool {
	for _, v := range r.Header["Prefer"] {
		for p := range strings.SplitSeq(unquoted(v), ",") {
			name, _, _ := strings.Cut(p, ";")
			if strings.EqualFold(strings.TrimSpace(name), "respond-async") {
				return true
			}
		}
	}
	return false
}

// unquoted leaves out the quoted texts of a field: a comma or a name in them belongs to the value of another preference.
func unquoted(v string) string {
	if !strings.Contains(v, `"`) {
		return v
	}
	var out strings.Builder
	quoted, escaped := false, false
	for i := range len(v) {
		switch b := v[i]; {
		case escaped:
			escaped = false
		case quoted && b == '\\':
			escaped = true
		case b == '"':
			quoted = !quoted
		case !quoted:
			out.WriteByte(b)
		}
	}
	return out.String()
}

// maxNext bounds a path that is carried through the sign-in, in bytes.
const maxNext = 512

// LocalPath reports whether a path of a request leads to this origin. It is carried through the sign-in and then goes into a
// Location field, so nothing may be in it that a browser could read as another host: no scheme, no //, no \, no blank and no control.
func LocalPath(path string) bool {
	if len(path) > maxNext || !strings.HasPrefix(path, "/") || strings.Contains(path, "//") || strings.Contains(path, `\`) {
		return false
	}
	for i := range len(path) {
		if path[i] <= ' ' || path[i] == 0x7f {
			return false
		}
	}
	u, err := url.Parse(path)
	return err == nil && u.Scheme == "" && u.Host == ""
}

// SignInPath is the address of the sign-in that leads back to a path. A path that leads elsewhere is left out.
func SignInPath(next string) string { return Carrying("/sign-in", next) }

// Carrying is the address of a step before a path, to which that step leads back. A path that leads elsewhere is left out.
func Carrying(step, next string) string {
	if !LocalPath(next) || next == "/" {
		return step
	}
	return step + "?" + url.Values{"next": {next}}.Encode()
}

// LanguageField is the name of the query parameter and of the cookie that choose a language.
const LanguageField = "lang"

// Language is that of the pages for a request: what its address says, or the choice of an earlier one, or what the browser asks for.
func Language(r *http.Request) text.Language {
	chosen := ""
	if c, err := r.Cookie(LanguageField); err == nil {
		chosen = c.Value
	}
	return text.Choose(r.URL.Query().Get(LanguageField), chosen, Header(r, "Accept-Language"))
}
