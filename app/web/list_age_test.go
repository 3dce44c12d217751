package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"flashsale/users"
)

// Lists and histories may be answered by a replica, to whom the audit log knows by that name; then people are told how old they are, if it
// is worth a word, and programs always. The steps before acts are never a replica's.
func TestListsSayHowOldTheyAre(t *testing.T) {
	t.Parallel()
	order := receipt("alice").OrderID.String()
	for path, may := range map[string]bool{
		"/admin/orders": true, "/admin/orders/" + order: true, "/admin/shoppers": true, "/admin/shoppers/alice": true, "/admin/audit": true,
		"/admin/orders/" + order + "/cancel": false, "/admin/shoppers/alice/bar": false, "/admin/sales/first/units": false,
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, accountsMode)
			w.desk.found = users.Found{Accounts: []users.Listed{{}}}
			for age, says := range map[time.Duration]string{
				0: "", 1400 * time.Millisecond: "", 1600 * time.Millisecond: "What is shown here may be 2 seconds old.", 4200 * time.Millisecond: "What is shown here may be 5 seconds old.",
			} {
				w.desk.age, w.desk.readers = age, nil
				res := w.send(t, "GET", path, "", "Test-Session: root!", "Accept: text/html")
				told := strings.Contains(res.raw, `data-testid="as-of"`)
				if res.StatusCode != http.StatusOK || told != (may && says != "") || told && !strings.Contains(res.raw, says) {
					t.Errorf("%v old: %d, told %v", age, res.StatusCode, told)
				}
				if name := map[bool]string{true: "root", false: ""}[may]; !slices.Contains(w.desk.readers, name) || len(slices.Compact(w.desk.readers)) != 1 {
					t.Errorf("%v old: read by %q", age, w.desk.readers)
				}
			}
			w.desk.age = 2 * time.Second
			if res := w.send(t, "GET", path+"?lang=de", "", "Test-Session: root!", "Accept: text/html"); may && !strings.Contains(res.raw, "Was hier steht, kann 2 Sekunden alt sein.") {
				t.Errorf("in German: %.300s", res.raw)
			}
			if !may {
				return
			}
			for age, want := range map[time.Duration]any{0: nil, 300 * time.Millisecond: 300.0} {
				w.desk.age = age
				if res := w.send(t, "GET", "/api"+path, "", "Test-Session: root!"); res.StatusCode != http.StatusOK || res.json["ageMs"] != want {
					t.Errorf("%v old, as JSON: %d %v", age, res.StatusCode, res.json["ageMs"])
				}
			}
		})
	}
}
