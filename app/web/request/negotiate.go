package request

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

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

// languageLife is how long a choice of a language is kept.
const languageLife = 365 * 24 * time.Hour

// Language is that of the pages for a request: what its address says, or the choice of an earlier one, or what the browser asks for.
func Language(r *http.Request) text.Language {
	wish := ""
	if strings.Contains(r.URL.RawQuery, LanguageField) {
		wish = r.URL.Query().Get(LanguageField)
	}
	return text.Choose(wish, cookie(r.Header["Cookie"], LanguageField), Header(r, "Accept-Language"))
}

// speaking is a request whose texts are in its language. The language is found out when the first text is said, so what says none
// does not pay for it.
func speaking(r *http.Request) *http.Request {
	return r.WithContext(text.Later(r.Context(), func() text.Language { return Language(r) }))
}

// keepLanguage keeps for later requests the language that the address of a page chooses. What nobody offers is not kept, nor what a
// part of a page asks for, which only follows its page.
func keepLanguage(w http.ResponseWriter, r *http.Request) {
	if !safe(r.Method) || !strings.Contains(r.URL.RawQuery, LanguageField) || Header(r, "Hx-Request") != "" {
		return
	}
	if l, ok := text.Named(r.URL.Query().Get(LanguageField)); ok {
		SetCookie(w, r, LanguageField, l.Code(), time.Now().Add(languageLife))
	}
}

// MarkLanguage says of an answer with texts in which language it is, and on which fields of the request it depends: those given, and
// those that choose the language.
func MarkLanguage(c echo.Context, fields ...string) {
	h := c.Response().Header()
	h.Set("Content-Language", text.From(c.Request().Context()).Code())
	fields = append(fields, "Accept-Language", "Cookie")
	slices.Sort(fields)
	h.Set("Vary", strings.Join(fields, ", "))
}

// PageAddress is the address, for links, of the page that an answer is or stands in: of a form's press, the page with the form. Where the
// browser shows the page's own path it is the query alone.
func PageAddress(r *http.Request) string {
	if ownPage(r) {
		return "?" + r.URL.RawQuery
	}
	from, err := url.Parse(Header(r, "Referer"))
	if err != nil || from.Host != r.Host || !LocalPath(from.RequestURI()) {
		return "/"
	}
	return from.RequestURI()
}

// ProblemAddress is PageAddress for a page that shows nothing of what was asked for.
func ProblemAddress(r *http.Request) string {
	if ownPage(r) {
		return "?"
	}
	return PageAddress(r)
}

func ownPage(r *http.Request) bool {
	return safe(r.Method) && Header(r, "Hx-Request") == "" && !strings.HasPrefix(r.URL.Path, "/api/")
}
