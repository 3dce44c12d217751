package request

import (
	"net/http"
	"strconv"
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
