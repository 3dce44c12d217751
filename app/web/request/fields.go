package request

import (
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"flashsale/events"
)

// Header is the first value of a field whose name is already in canonical form.
func Header(r *http.Request, canonical string) string {
	if v := r.Header[canonical]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// maxKey is the longest Idempotency-Key, in bytes.
const maxKey = 255

// IdempotencyKey is the Idempotency-Key field, or "" when there is none.
func IdempotencyKey(h http.Header) (string, error) {
	all := h["Idempotency-Key"]
	if len(all) == 0 {
		return "", nil
	}
	if len(all) == 1 && all[0] != "" && len(all[0]) <= maxKey && printable(all[0]) {
		return all[0], nil
	}
	return "", BadField("Idempotency-Key", "must be given once, with 1 to 255 printable ASCII characters")
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// RevisionTag is the revision of a sale as an entity tag.
func RevisionTag(revision int64) string { return `"` + strconv.FormatInt(revision, 10) + `"` }

// SetRevision sends the revision of a sale as ETag. The client repeats it in the If-Match of the next act.
func SetRevision(h http.Header, revision int64) { h.Set("ETag", RevisionTag(revision)) }

// ClaimPath is the address of a claim. at is where the log has it, if that is known.
func ClaimPath(slug string, id uuid.UUID, at *events.Position) string {
	path := SalePath(slug) + "/claims/" + id.String()
	if at != nil {
		path += "?at=" + strconv.Itoa(at.Partition) + "." + strconv.FormatInt(at.Offset, 10)
	}
	return path
}

// ClaimNamed reads what ClaimPath wrote: an id in its one usual form, and "<partition>.<offset>" or "" for no position. A position
// that no claim can have is refused here, so that a client cannot make this process ask the log for it.
func ClaimNamed(id, at string) (uuid.UUID, *events.Position, error) {
	claim, err := uuid.Parse(id)
	if err != nil || claim.String() != id {
		return uuid.Nil, nil, ErrNoClaim
	}
	if at == "" {
		return claim, nil, nil
	}
	p, o, _ := strings.Cut(at, ".")
	partition, err := strconv.ParseUint(p, 10, 16)
	offset, err2 := strconv.ParseUint(o, 10, 63)
	if err != nil || err2 != nil || partition >= events.Partitions {
		return uuid.Nil, nil, WrongField(ErrPosition, "at", "must be <partition>.<offset>, as in the Location of the 202 answer")
	}
	return claim, &events.Position{Partition: int(partition), Offset: int64(offset)}, nil
}

// OrderID reads an order's id in its usual form. Any other text is answered like an id that no order has.
func OrderID(raw string) (uuid.UUID, error) {
	const length = len("00000000-0000-0000-0000-000000000000")
	id, err := uuid.Parse(raw)
	if err != nil || len(raw) != length {
		return uuid.Nil, ErrNoOrder
	}
	return id, nil
}

// MaxReason is the longest reason of an act, in characters.
const MaxReason = 500

// PlainText is true for 1 to most characters. Of the control characters it allows line breaks and tabs.
func PlainText(s string, most int) bool {
	n := utf8.RuneCountInString(s)
	return n > 0 && n <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t'
	})
}

// MinorUnits reads an amount as Amount writes it, with a point or a comma before the decimals, or without any. It is false for
// everything else, and for amounts of more than 15 digits.
func MinorUnits(written, currency string) (int64, bool) {
	written = strings.TrimSpace(strings.Replace(written, ",", ".", 1))
	whole, decimals, pointed := strings.Cut(written, ".")
	digits := minorDigits(currency)
	if whole == "" || pointed && (decimals == "" || len(decimals) > digits) || len(whole) > 15-digits ||
		strings.Trim(whole+decimals, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(whole+decimals+strings.Repeat("0", digits-len(decimals)), 10, 64)
	return n, err == nil
}
