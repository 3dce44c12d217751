package instance_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the machine of the tests may know no zones

	"flashsale/app/instance/instancetest"
)

// states is what a page has shown since it was opened, and when.
const states = `window.seen = []; document.addEventListener("sale-changed", () => {
	const now = document.getElementById("sale").dataset.status;
	if (seen.at(-1)?.status !== now) seen.push({ status: now, at: Date.now(), enabled: !document.getElementById("buy-now-button").disabled });
})`

type seenState struct {
	Status  string
	At      int64
	Enabled bool
}

// Ten pages in ten time zones are open while a sale opens and ends: each shows the start by its own clock, none opens or ends before the
// second, and all do.
func TestBrowserOpensAndEndsInTenTimeZones(t *testing.T) {
	t.Parallel()
	takesLong(t)
	browser, base := startBrowser(t), startProduct(t)
	c := instancetest.NewClient(t, base)
	start := time.Now().Add(27 * time.Hour).Truncate(time.Second)
	c.Amend(map[string]any{"startTime": stamp(start), "endTime": stamp(start.Add(time.Hour))}).Is(t, http.StatusOK, "")
	pages := map[string]*tab{}
	for _, zone := range []string{"Pacific/Kiritimati", "Pacific/Apia", "Australia/Lord_Howe", "Asia/Tokyo", "Asia/Kathmandu", "Europe/Berlin",
		"Africa/Abidjan", "America/St_Johns", "America/Los_Angeles", "Pacific/Pago_Pago"} {
		p := openTab(t, browser, base)
		p.do(inZone(zone), scriptAtStart(states))
		p.open("/?username=john_doe_1")
		p.shows("status-text", "Coming Soon")
		checkLocalTime(p, zone, start)
		pages[zone] = p
	}
	start = time.Now().Add(3 * time.Second)
	end := start.Add(3 * time.Second)
	c.Amend(map[string]any{"startTime": stamp(start), "endTime": stamp(end)}).Is(t, http.StatusOK, "")
	for zone, p := range pages {
		p.shows("status-text", "Sale Ended")
		var seen []seenState
		if err := json.Unmarshal([]byte(value[string](p, `JSON.stringify(seen)`)), &seen); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range seen {
			names = append(names, s.Status)
			due := map[string]time.Time{"active": start, "ended": end}[s.Status]
			if !due.IsZero() && s.At < due.UnixMilli() {
				t.Errorf("%s: %s, %d ms before its time", zone, s.Status, due.UnixMilli()-s.At)
			}
			if !due.IsZero() {
				t.Logf("%s: %s after %d ms", zone, s.Status, s.At-due.UnixMilli())
			}
		}
		if got := strings.Join(names, " "); got != "upcoming active ended" {
			t.Errorf("%s: the page went through %s", zone, got)
		}
		if !p.disabled("buy-now-button") {
			t.Errorf("%s: an ended sale can be pressed", zone)
		}
		checkLocalTime(p, zone, end)
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// checkLocalTime wants the time in UTC and in the zone of the page, to the second, unless they are the same.
func checkLocalTime(p *tab, zone string, at time.Time) {
	p.t.Helper()
	p.shows("time-info", at.UTC().Format("2 January 2006, 15:04:05 UTC"))
	where, err := time.LoadLocation(zone)
	if err != nil {
		p.t.Fatal(err)
	}
	here := value[string](p, `document.getElementById("here").textContent.replace(/\s/g, " ")`)
	local := at.In(where)
	if _, offset := local.Zone(); offset == 0 {
		if here != "" {
			p.t.Errorf("%s: the time stands there twice: %q", zone, here)
		}
		return
	}
	// In the browser's variant of English.
	if !strings.HasPrefix(here, "Here: "+local.Format("Jan 2, 2006, 3:04:05 PM")) && !strings.HasPrefix(here, "Here: "+local.Format("2 Jan 2006, 15:04:05")) {
		p.t.Errorf("%s: %s is shown as %q", zone, local, here)
	}
}
