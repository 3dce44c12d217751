package web

import (
	"net/http"
	"strings"
	"testing"
)

// What is wrong with a body is said of its field, in the words of the one who sent it.
func TestAWrongBodyIsToldWhatIsWrongWithIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const form = "Content-Type: application/x-www-form-urlencoded"
	for _, c := range []struct{ target, body, field, says string }{
		{"/api/flash-sale/update-stock", `{"stockAmount":9223372036854775808}`, "", "stockAmount is too large"},
		{"/api/flash-sale/update-stock", `{"stockAmount":-99999999999999999999}`, "", "stockAmount is too small"},
		{"/api/flash-sale/update-stock", `stockAmount=99999999999999999999`, form, "stockAmount is too large"},
		{"/api/flash-sale/update-stock", `{"stockAmount":1.5}`, "", "stockAmount must be a whole number"},
		{"/api/users/seed", `{"userCount":1e400}`, "", "userCount must be a whole number"},
		{buy, "\ufeff" + `{"username":"alice"}`, "", "byte order mark"},
		{buy, "\ufeffusername=alice", form, "byte order mark"},
		{"/api/flash-sale/reset", "\ufeff", "", "byte order mark"},
	} {
		var fields []string
		if c.field != "" {
			fields = append(fields, c.field)
		}
		res := w.send(t, http.MethodPost, c.target, c.body, fields...)
		res.problem(t, http.StatusUnprocessableEntity, "invalid-request")
		if detail, _ := res.json["detail"].(string); !strings.Contains(detail, c.says) {
			t.Errorf("%q: %s", c.body, res.raw)
		}
	}
}

func TestWhoHasToSignInIsToldHow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, accountsMode)
	for _, target := range []string{buy, "/api/flash-sale/reset", "/api/admin/verify"} {
		for _, accept := range []string{"application/json", "text/html"} {
			res := w.send(t, http.MethodPost, target, `{"username":"alice"}`, "Accept: "+accept)
			if target == buy && accept == "text/html" {
				// A press of the button leads to the sign-in and back to the button.
				if to := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || to != "/sign-in?next=%2F%3Fbuy%3D1" {
					t.Errorf("a press leads to %d %s", res.StatusCode, to)
				}
				continue
			}
			if res.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("%s as %s: %d, WWW-Authenticate %q", target, accept, res.StatusCode, res.Header.Get("WWW-Authenticate"))
			}
		}
	}
}
