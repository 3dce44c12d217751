package admin

import (
	"context"

	"flashsale/views/layout"
	"flashsale/views/text"
)

// OrderState is how an order stands, by the name that programs know.
type OrderState string

// Label is the state for people.
func (s OrderState) Label(ctx context.Context) string {
	switch s {
	case "confirmed":
		return text.Say(ctx, "Confirmed")
	case "cancelled":
		return text.Say(ctx, "Cancelled")
	}
	return string(s)
}

// tone is the colour of a state.
func (s OrderState) tone() string {
	if s == "confirmed" {
		return "good"
	}
	return "bad"
}

// Sum is the stock of a generation and its parts, by the ledger's own figures.
type Sum struct {
	Sold, Pending, Free, Total int64
	// Where the parts are listed; empty: nowhere.
	SoldPath, PendingPath, FreePath string
}

// Picker is a field with a few values.
type Picker struct {
	Name, Label, Error string
	Options            []Option
}

// OrderSearch is the form that says which orders are meant.
type OrderSearch struct {
	Sale, State      Picker
	Text, Generation Input
	From, Until      Input
	// Filtered is true when more than the sale and a text is given.
	Filtered bool
	// All is the address of the sale's orders without anything else; empty: nothing else is given.
	All string
}

// Buyer is who an order is from.
type Buyer struct {
	// Name is empty for an account that was erased.
	Name, Email, Path string
	Archived          bool
}

// OrderLine is an order in the list.
type OrderLine struct {
	Number, Path string
	Unit         int64
	State        OrderState
	Shopper      Buyer
	Decided      Moment
	// Cancelled is empty while the order is live.
	Cancelled Moment
	// Sale is that of the order.
	Sale       layout.Link
	Generation int64
}

// Pages are the addresses of other pages of a list; empty: there is none.
type Pages struct{ First, Earlier, Later, Last string }

// OrderExport is the form that takes orders away as a file.
type OrderExport struct {
	Hidden []Hidden
	// Sale and Generation are those that are shown.
	Sale       string
	Generation int64
	// Limits say which of the filters hold for the file.
	Limits []string
}

// Orders is a page of the list of orders.
type Orders struct {
	Desk
	// Sale is the page of the sale that is chosen. Empty: there is no sale.
	Sale       layout.Link
	Generation int64
	Search     OrderSearch
	// Sum is nil when the query is wrong.
	Sum *Sum
	// Notes say how the text was understood, and what was left out.
	Notes []string
	// None says why there are no orders.
	None  string
	Lines []OrderLine
	// Elsewhere is true when an order is of another sale or generation than the one that is chosen.
	Elsewhere bool
	Pages     Pages
	// Export is nil for those who may not take orders away.
	Export *OrderExport
}

// Known is something that is known of an order: a label with a value, which may lead somewhere.
type Known struct {
	Label, Value, Path string
	// Code is true for what people copy.
	Code bool
}

// Happening is an entry of an order's history.
type Happening struct {
	At     Moment
	What   string
	Detail []string
	Tone   string
}

// OrderDetail is everything that is known of an order.
type OrderDetail struct {
	Desk
	Number  string
	State   OrderState
	Product string
	Known   []Known
	// Receipt says what the address of the receipt shows.
	Receipt  string
	Timeline []Happening
	// Around leads to lists that the order is in.
	Around []layout.Link
	// Cancel is where the order is cancelled. Empty: it cannot be, or not by the one who looks.
	Cancel string
}

// OrderStep is the page before an order is cancelled.
type OrderStep struct {
	Desk
	Number, Back string
	Facts        []Fact
	// Effects say what will happen, Off why it is not possible.
	Effects []string
	Off     string
	// Action takes the act, with Key.
	Action, Key string
	Reason      Input
}

// StockHistory says how the free units of a sale came about.
type StockHistory struct {
	Desk
	Name, Path, Orders, Cancelled string
	Generation                    int64
	// Ended is true for a generation before the present one.
	Ended bool
	// Choice is the field for another generation, and Action where its form asks.
	Choice              Input
	Action              string
	Sum                 Sum
	CameBack, NeverSold int64
	Acts                []StockAct
	// More is true when older acts are left out.
	More bool
}

// StockAct is an act that changed how many units there are, or gave one back.
type StockAct struct {
	At        Moment
	What, Who string
	Detail    string
	// Path leads to the order; empty: the act was on none.
	Path, Link string
}

// claimsPath is the list of a sale's claims without a verdict.
func claimsPath(slug string) string { return "/admin/claims?sale=" + slug }

// ordersPath is the list of a sale's orders: of those in that state, or all for "".
func ordersPath(slug, state string) string {
	path := "/admin/orders?sale=" + slug
	if state != "" {
		path += "&state=" + state
	}
	return path
}
