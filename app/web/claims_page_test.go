package web

import (
	"errors"
	"fmt"
	"html"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"flashsale/app/figures"
)

// toldClaims is a server that two processes have told of claims: one of the first sale, which both know, one of another sale, and one
// that the ledger has decided since.
func toldClaims(t *testing.T) *world {
	t.Helper()
	k := figures.New(figures.Config{Process: "here"})
	claim := func(last, saleID int, more string) string {
		return fmt.Sprintf(`{"id":"00000000-0000-8000-8000-%012d","sale":%d,"generation":3,"account":7,%s}`, last, saleID, more)
	}
	k.Take([]byte(`{"process":"pa","undecided":3,"undecidedAge":2.5,"lag":{"2":4},"claims":[` + strings.Join([]string{
		claim(1, 1, `"username":"<ann>","pressed":"2026-01-01T11:59:00Z","millis":900,"doing":"told"`),
		claim(2, 9, `"username":"ben","millis":2500,"doing":"answering"`),
		claim(3, 1, `"username":"cleo","millis":700,"doing":"told"`),
	}, ",") + `]}`))
	k.Take([]byte(`{"process":"pb","claims":[` + claim(1, 1, `"username":"<ann>","millis":800,"partition":2,"offset":41,"doing":"deciding"`) + `]}`))
	w := newWorld(t, accountsMode, func(c *Config) { c.Figures = k })
	second := activeSale()
	second.ID, second.Slug = 9, "second"
	w.catalog.snaps = append(w.catalog.snaps, second)
	w.desk.decided = []uuid.UUID{uuid.MustParse("00000000-0000-8000-8000-000000000003")}
	return w
}

func TestUndecidedClaimsAreListed(t *testing.T) {
	t.Parallel()
	const page, viewer = "Accept: text/html", "Test-Session: vera?"
	w := toldClaims(t)
	all := w.send(t, http.MethodGet, "/api/admin/claims", "", viewer)
	claims, _ := all.json["claims"].([]any)
	if all.StatusCode != http.StatusOK || len(claims) != 2 || all.json["checked"] != true || all.json["undecidedClaims"] != 3.0 || all.json["lagRecords"] != 4.0 {
		t.Fatalf("%d %s", all.StatusCode, all.raw)
	}
	first, _ := claims[0].(map[string]any)
	for field, want := range map[string]any{
		"claimId": "00000000-0000-8000-8000-000000000001", "sale": "first", "generation": 3.0, "pressedAt": "2026-01-01T11:59:00.000Z",
		"partition": 2.0, "offset": 41.0, "waitsMillis": 60_000.0, // since the press, by the clock of the ledger
	} {
		if first[field] != want {
			t.Errorf("%s is %v, want %v", field, first[field], want)
		}
	}
	if !strings.Contains(all.raw, `"processes":[{"process":"pa","doing":"told"},{"process":"pb","doing":"deciding"}]`) {
		t.Errorf("who looks at it: %s", all.raw)
	}

	shown := html.UnescapeString(w.send(t, http.MethodGet, "/admin/claims", "", page, viewer).raw)
	for _, want := range []string{
		`data-claim="00000000-0000-8000-8000-000000000001"`, "<bdi><ann></bdi>", "60.0 s", "partition 2, offset 41", "pb</code> has read it from the log, and tries to decide it",
		"2026-01-01 11:59:00 UTC", "not acknowledged by the log", "second", "That is long. Look at the health of the servers",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(shown, "cleo") {
		t.Error("a claim is listed that is decided")
	}
	one := w.send(t, http.MethodGet, "/admin/claims?sale=second", "", page, viewer)
	if strings.Count(one.raw, `data-testid="claim-line"`) != 1 || !strings.Contains(one.raw, "/admin/sales/second") || !strings.Contains(one.raw, "Claims are decided in a moment") {
		t.Errorf("of one sale: %s", one.raw)
	}
	german := w.send(t, http.MethodGet, "/admin/claims", "", page, viewer, "Accept-Language: de").raw
	for _, want := range []string{"Nicht entschiedene Ansprüche", "Partition 2, Position 41", "Das ist lange."} {
		if !strings.Contains(german, want) {
			t.Errorf("the German page lacks %q", want)
		}
	}
	w.send(t, http.MethodGet, "/api/admin/claims?sale=none", "", viewer).problem(t, 404, "no-sale")
	if link := w.send(t, http.MethodGet, "/admin/sales/first", "", page, viewer).raw; !strings.Contains(link, `href="/admin/claims?sale=first"`) || !strings.Contains(link, `href="/admin/claims"`) {
		t.Error("the run of show does not lead to the list")
	}
}

// While the ledger cannot be asked the list is shown as the processes tell it, and says so.
func TestUndecidedClaimsWithoutTheLedger(t *testing.T) {
	t.Parallel()
	w := toldClaims(t)
	w.desk.err = errors.New("away")
	page := w.send(t, http.MethodGet, "/admin/claims", "", "Accept: text/html", "Test-Session: vera?")
	if page.StatusCode != http.StatusOK || strings.Count(page.raw, `data-testid="claim-line"`) != 3 || !strings.Contains(page.raw, "some of these claims may be decided already") {
		t.Errorf("%d %s", page.StatusCode, page.raw)
	}
	if none := newWorld(t).send(t, http.MethodGet, "/admin/claims", "", "Accept: text/html"); !strings.Contains(none.raw, "There is nothing to do") || !strings.Contains(none.raw, "No process tells") {
		t.Errorf("without claims: %d %s", none.StatusCode, none.raw)
	}
}
