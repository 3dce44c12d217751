package shop

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/boombuler/barcode/qr"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/users/login"
	"flashsale/views/text"
)

// fakeLinks makes the secret of an order out of its id.
type fakeLinks struct{}

func (fakeLinks) ReceiptSecret(r sale.Receipt) string {
	if r.OrderID == uuid.Nil {
		return ""
	}
	return "secret-" + r.OrderID.String()
}
func (fakeLinks) ReceiptOrder(string) (uuid.UUID, bool) { return uuid.Nil, false }
func (fakeLinks) Ready() bool                           { return true }

// fakeSessions knows one account per name: its id is the length of the name. "!" at the end makes an operator of it.
type fakeSessions struct{}

func (fakeSessions) Fresh() bool                   { return true }
func (fakeSessions) Refresh(context.Context) error { return nil }

func (fakeSessions) Renew(_ context.Context, old login.Session, _ time.Time) (string, login.Session, error) {
	return "", old, nil
}

func (fakeSessions) Check(name string, _ time.Time) (login.Session, error) {
	s := login.Session{Account: int64(len(name)), Username: name}
	if strings.HasSuffix(name, "!") {
		s.Role = login.Operator
	}
	return s, nil
}

// Of whoever may see a receipt on the page of the sale only its owner gets its address: an operator may look anybody up, and the id
// of a claim stands in events.
func TestOnlyTheOwnerIsGivenTheAddressOfAReceipt(t *testing.T) {
	t.Parallel()
	alice := sale.Receipt{OrderID: uuid.UUID{9}, UserID: int64(len("alice"))}
	for _, one := range []struct {
		who  string
		demo bool
		want bool
	}{{who: "alice", want: true}, {who: "rooted!"}, {who: ""}, {who: "bob"}, {demo: true, want: true}} {
		hs := New(Config{Links: fakeLinks{}, Principals: request.Principals{Demo: one.demo, Sessions: fakeSessions{}}})
		c := echo.New().NewContext(httptest.NewRequest(http.MethodGet, "http://localhost/", nil), httptest.NewRecorder())
		if one.who != "" {
			signIn(t, c, one.who)
		}
		want := ""
		if one.want {
			want = "/receipts/secret-" + alice.OrderID.String()
		}
		if got := hs.ownReceiptPath(c, alice); got != want {
			t.Errorf("%+v is given %q", one, got)
		}
	}
	if got := New(Config{Links: fakeLinks{}}).receiptPath(sale.Receipt{}); got != "" {
		t.Errorf("a receipt of nothing is at %q", got)
	}
}

// signIn gives a request the cookie of somebody's session.
func signIn(t *testing.T, c echo.Context, name string) {
	t.Helper()
	c.Request().RemoteAddr = "127.0.0.1:40000"
	rec := httptest.NewRecorder()
	if err := request.SetSession(echo.NewResponse(rec, c.Echo()), c.Request(), name, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, cookie := range rec.Result().Cookies() {
		c.Request().AddCookie(cookie)
	}
}

// What is drawn is the code of the library, square by square.
func TestTheDrawnCodeIsThatOfTheText(t *testing.T) {
	t.Parallel()
	text := "https://shop.example/receipts/" + strings.Repeat("Ab_9-", 8) + "xyz"
	want, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		t.Fatal(err)
	}
	got, err := codeOf(text)
	if err != nil || got.Size != want.Bounds().Dx() || got.Size < 21 {
		t.Fatalf("%d squares wide, want %d: %v", got.Size, want.Bounds().Dx(), err)
	}
	drawn := squares(t, got.Path)
	for y := range got.Size {
		for x := range got.Size {
			r, _, _, _ := want.At(x, y).RGBA()
			if black := r == 0; drawn[[2]int{x, y}] != black {
				t.Fatalf("the square at %d, %d is drawn: %v", x, y, !black)
			}
		}
	}
	if _, err := codeOf(strings.Repeat("x", 5000)); err == nil {
		t.Error("a text that no code holds is drawn")
	}
}

// squares reads a path of rows back.
func squares(t *testing.T, path string) map[[2]int]bool {
	t.Helper()
	found := map[[2]int]bool{}
	for _, row := range strings.Split(strings.TrimPrefix(path, "M"), "M") {
		var x, y, wide, back int
		if n, err := fmt.Sscanf(row, "%d %dh%dv1h-%dz", &x, &y, &wide, &back); n != 4 || err != nil || wide != back {
			t.Fatalf("%q: %v", row, err)
		}
		for i := range wide {
			found[[2]int{x + i, y}] = true
		}
	}
	return found
}

func TestACalendarEntryKeepsToTheFormat(t *testing.T) {
	t.Parallel()
	k := &kept{
		Order: sale.Order{Receipt: sale.Receipt{OrderID: uuid.UUID{9}, Unit: 1_000_000, At: noon},
			Sold: sale.Product{Name: "Lamp; \"red\", \\ 1\r\nEND:VEVENT\r\x00\x1b " + strings.Repeat("äöü漢字🎧", 12), CurrencySymbol: "€", CurrencyCode: "EUR", PriceMinor: 100}},
	}
	entry := calendarOf(text.Language{}, k, "https://shop.example/receipts/"+strings.Repeat("x", 43))
	if strings.Count(entry, "\n") != strings.Count(entry, "\r\n") || strings.Count(entry, "\r") != strings.Count(entry, "\r\n") || !strings.HasSuffix(entry, "\r\n") {
		t.Error("a line ends otherwise than with CRLF")
	}
	for line := range strings.SplitSeq(entry, "\r\n") {
		if len(line) > 75 || !utf8.ValidString(line) {
			t.Errorf("%d octets, or half a character: %q", len(line), line)
		}
	}
	lines := strings.Split(strings.ReplaceAll(entry, "\r\n ", ""), "\r\n")
	want := `SUMMARY:Lamp\; "red"\, \\ 1\nEND:VEVENT\n ` + strings.Repeat("äöü漢字🎧", 12) + `\, order ` + sale.OrderNumber(k.OrderID)
	if !slices.Contains(lines, want) {
		t.Errorf("no line %q in\n%s", want, strings.Join(lines, "\n"))
	}
	for name, times := range map[string]int{"BEGIN:VEVENT": 1, "END:VEVENT": 1, "BEGIN:VCALENDAR": 1, "END:VCALENDAR": 1, "VERSION:2.0": 1} {
		if got := strings.Count("\n"+strings.Join(lines, "\n")+"\n", "\n"+name+"\n"); got != times {
			t.Errorf("%s %d times", name, got)
		}
	}
	for _, name := range []string{"UID:", "DTSTAMP:", "DTSTART:", "DTEND:", "PRODID:", "SUMMARY:", "URL:"} {
		if n := len(slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return !strings.HasPrefix(l, name) })); n != 1 {
			t.Errorf("%d lines with %s", n, name)
		}
	}
}
