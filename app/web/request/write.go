package request

import (
	"encoding/hex"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/bojanz/currency"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/views/text"
)

// Field values that all answers share, so that setting them allocates nothing. Nobody changes them.
//
//nolint:gochecknoglobals // constants in all but name: a header takes a slice
var (
	PlainJSON         = []string{"application/json; charset=utf-8"}
	ProblemJSON       = []string{"application/problem+json; charset=utf-8"}
	headerNosniff     = []string{"nosniff"}
	headerVaryOrigin  = []string{"Origin"}
	headerNoStore     = []string{"no-store"}
	headerClose       = []string{"close"}
	headerPolicy      = []string{policy}
	headerPermissions = []string{permissions}
	headerSameOrigin  = []string{"same-origin"}
	headerNoReferrer  = []string{"no-referrer"}
	headerNoIndex     = []string{"noindex"}
	headerHSTS        = []string{hsts}
	headerChallenge   = []string{`Bearer realm="flashsale"`}
)

// WriteBytes sends a finished body. A client that has gone away is no error of ours.
func WriteBytes(res *echo.Response, status int, contentType []string, body []byte) {
	res.Header()[echo.HeaderContentType] = contentType
	res.WriteHeader(status)
	_, _ = res.Write(body)
}

// WriteJSON sends a value that is not on the hot path.
func WriteJSON(c echo.Context, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	WriteBytes(c.Response(), status, PlainJSON, append(body, '\n'))
	return nil
}

// Instant is a time as the API writes it: UTC, milliseconds, "2026-01-01T10:00:00.000Z".
type Instant time.Time

// InstantLayout is the layout of an Instant for package time.
const InstantLayout = "2006-01-02T15:04:05.000Z"

// MarshalText writes the time for the JSON library.
func (t Instant) MarshalText() ([]byte, error) { return AppendInstant(nil, time.Time(t)), nil }

// AppendInstant writes years of four digits by hand, which takes a fifth of the time that a layout does.
func AppendInstant(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 1000 || year > 9999 {
		return t.AppendFormat(b, InstantLayout)
	}
	hour, minute, second := t.Clock()
	b = appendPair(appendPair(b, year/100), year%100)
	b = appendPair(append(b, '-'), int(month))
	b = appendPair(append(b, '-'), day)
	b = appendPair(append(b, 'T'), hour)
	b = appendPair(append(b, ':'), minute)
	b = appendPair(append(b, ':'), second)
	milli := t.Nanosecond() / int(time.Millisecond)
	return append(appendPair(append(b, '.', byte('0'+milli/100)), milli%100), 'Z')
}

func appendPair(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

// AppendString writes a JSON string. Text that is not UTF-8 gets replacement characters.
func AppendString(b []byte, s string) []byte {
	if plain(s) {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	b, _ = jsontext.AppendQuote(b, s)
	return b
}

// plain is true for text that JSON writes as it is.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return true
}

const headerSaleVersion = "Sale-Version"

// SaleVersion writes the Sale-Version field. It keeps the last value, because the next answer nearly always has the same.
type SaleVersion struct{ last atomic.Pointer[versionField] }

type versionField struct {
	version int64
	value   [1]string
}

// Set says which version of the sale an answer is from.
func (v *SaleVersion) Set(h http.Header, version int64) {
	if version <= 0 {
		return
	}
	f := v.last.Load()
	if f == nil || f.version != version {
		f = &versionField{version, [1]string{strconv.FormatInt(version, 10)}}
		v.last.Store(f)
	}
	h[headerSaleVersion] = f.value[:]
}

// AppendInt writes a number in decimal.
func AppendInt(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

// AppendUUID writes an id in its usual form.
func AppendUUID(b []byte, id uuid.UUID) []byte {
	at := len(b)
	b = append(b, "00000000-0000-0000-0000-000000000000"...)
	text := b[at:]
	hex.Encode(text, id[:4])
	hex.Encode(text[9:], id[4:6])
	hex.Encode(text[14:], id[6:8])
	hex.Encode(text[19:], id[8:10])
	hex.Encode(text[24:], id[10:])
	return b
}

// minorDigits is how many decimals a currency's minor unit has (ISO 4217).
func minorDigits(code string) int {
	switch code {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	}
	return 2
}

// Price writes an amount in minor units of a currency for people, as their language does: 49900 of USD is "$499.00" in English, and
// "499,00\u00a0$" in German. A code that is no currency is shown as it is.
func Price(l text.Language, minor int64, code string) string {
	amount, err := currency.NewAmount(Amount(minor, code), code)
	if err != nil {
		return code + "\u00a0" + Amount(minor, code)
	}
	digits := uint8(minorDigits(code))
	f := currency.NewFormatter(currency.NewLocale(l.Tag().String()))
	f.MinDigits, f.MaxDigits = digits, digits
	return f.Format(amount)
}

// Amount writes an amount in minor units of a currency: 49900 of USD is "499.00".
func Amount(minor int64, code string) string {
	digits := minorDigits(code)
	if digits == 0 {
		return strconv.FormatInt(minor, 10)
	}
	sign := ""
	if minor < 0 {
		sign, minor = "-", -minor
	}
	s := strconv.FormatInt(minor, 10)
	for len(s) <= digits {
		s = "0" + s
	}
	return sign + s[:len(s)-digits] + "." + s[len(s)-digits:]
}
