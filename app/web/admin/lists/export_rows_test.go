package lists

import (
	"strconv"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"flashsale/app/operator"
	"flashsale/sale"
	"flashsale/users"
)

// exportedOrders are orders with everything, with nothing that may be missing, and with texts that must be written with care.
func exportedOrders() []operator.DeskOrder {
	at := time.Date(2026, 3, 1, 9, 0, 0, 123456789, time.UTC)
	full := operator.DeskOrder{Slug: "=first,sale", Person: users.Person{ID: 7, Username: "\"Änne\" <b>&\u2028😀", Email: "+a@example.com", Archived: true, Erased: true},
		ListedOrder: sale.ListedOrder{State: sale.OrderCancelled, PressedAt: at, DecidedAt: at.Add(time.Second), CancelledAt: at.Add(time.Hour)}}
	full.OrderID, full.UserID, full.Username, full.Unit, full.Generation, full.Attempt = uuid.MustParse("0123fedc-ba98-8765-a321-0f1e2d3c4b5a"), 7, "\u202eabc\x7f", 12, 3, 2
	bare := operator.DeskOrder{Slug: "first"}
	bare.OrderID, bare.State, bare.DecidedAt = uuid.Max, sale.OrderConfirmed, at
	before := full
	before.Person, before.Username = users.Person{}, "@an old\tname"
	return []operator.DeskOrder{full, bare, before}
}

func TestAnOrderIsWrittenAsTheLibraryWritesIt(t *testing.T) {
	t.Parallel()
	for _, o := range exportedOrders() {
		want, err := json.Marshal(orderOf(&o))
		got, failed := appendOrder([]byte("before"), &o)
		if err != nil || failed != nil || string(got) != "before"+string(want) {
			t.Errorf("%s (%v), want %s (%v)", got, failed, want, err)
		}
	}
}

func TestAnOrderIsALineOfCSV(t *testing.T) {
	t.Parallel()
	for i, o := range exportedOrders() {
		name := []string{o.Person.Username, o.Username, o.Username}[i]
		line := parsed(t, string(appendOrderLine(nil, &o)))[0]
		for at, want := range []string{sale.OrderNumber(o.OrderID), o.OrderID.String(), o.Slug, strconv.FormatInt(o.Generation, 10), strconv.FormatInt(o.Unit, 10),
			string(o.State), name, o.Person.Email, strconv.FormatInt(o.UserID, 10), strconv.FormatBool(o.Person.Erased),
			string(appendTime(nil, o.PressedAt)), string(appendTime(nil, o.DecidedAt)), string(appendTime(nil, o.CancelledAt)), strconv.Itoa(o.Attempt)} {
			if len(line) != 14 || unguarded(line[at]) != want {
				t.Errorf("order %d, cell %d: %q, want %q", i, at, line, want)
			}
		}
	}
}

// An export writes a million of these, and the collector has nothing to do.
func TestRowsOfOrdersLeaveNothingBehind(t *testing.T) {
	o, b := exportedOrders()[0], make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() {
		appendOrderLine(b, &o)
		_, _ = appendOrder(b, &o)
	}); n > 0 {
		t.Errorf("%v objects", n)
	}
}
