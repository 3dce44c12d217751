package web

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/users"
)

// board is sale.Board: the sales' snapshots, from memory.
type board interface {
	// Snapshot is the sale of that slug, or the current one for "". sale.ErrNoSale when there is none.
	Snapshot(slug string) (sale.Snapshot, error)
	All() []sale.Snapshot
	// Ready is true once the sales were looked up, and stays so.
	Ready() bool
	// Changed signals that a snapshot may have changed; the signal keeps no history. Call the function when done.
	Changed() (<-chan struct{}, func())
}

// checkout is sale.Checkout: the purchase and what became of it.
type checkout interface {
	Buy(ctx context.Context, p sale.Press) sale.Answer
	Receipt(ctx context.Context, slug, name string) (sale.Receipt, bool, error)
	Receipts(ctx context.Context, slug string, userIDs []int64) (map[int64]sale.Receipt, error)
	Claim(ctx context.Context, id uuid.UUID, at *events.Position) (sale.ClaimState, error)
}

// accounts is users.Store: the list of shoppers.
type accounts interface {
	List(ctx context.Context, page, limit int) (users.Page, error)
}

// operations are the operators' acts, which span several owners. What they answer is what their transaction wrote. An act
// that is repeated under its key is answered as the first time. Errors beside the domains' own: *sale.RevisionError,
// audit.ErrKeyRunning, audit.ErrKeyReused, audit.ErrOutcomeUnknown.
type operations interface {
	Reset(ctx context.Context, a Act, slug string, toSmall bool) (sale.Change, error)
	Preset(ctx context.Context, a Act, slug string, p sale.Preset) (sale.Change, error)
	SetStock(ctx context.Context, a Act, slug string, n int64) (sale.Change, error)
	Pause(ctx context.Context, a Act, slug string) (sale.Change, error)
	Resume(ctx context.Context, a Act, slug string) (sale.Change, error)
	Close(ctx context.Context, a Act, slug string) (sale.Change, error)
	Amend(ctx context.Context, a Act, slug string, to sale.Amendment) (sale.Change, error)
	CancelOrder(ctx context.Context, a Act, id uuid.UUID, reason string) (Cancellation, error)
	SeedUsers(ctx context.Context, a Act, n int) (created int, err error)
	ArchiveUsers(ctx context.Context, a Act) (int64, error)
	// Verify checks the invariants and says of each whether it holds.
	Verify(ctx context.Context) ([]Check, error)
	// Dependencies says of each server this program needs whether it answers. It returns within a second.
	Dependencies(ctx context.Context) []Dependency
}

// Cancellation is an order that was taken back, and what that changed. Of an order that had been cancelled before nothing has
// changed.
type Cancellation struct {
	sale.Change
	Order sale.Order
}

// Check is one invariant as Verify found it.
type Check struct {
	// ID is the invariant's, such as "I1".
	ID    string `json:"id"`
	Title string `json:"title"`
	// State is "ok", "broken", or "unknown" when it cannot be checked from here.
	State  string `json:"state"`
	Detail string `json:"detail,omitempty"`
}

// Dependency is a server this program needs, as the last probe found it.
type Dependency struct {
	Name     string
	Address  string
	Version  string
	OK       bool
	Since    time.Time
	Embedded bool
	Detail   string
}

// pages answer browsers (Accept: text/html, or a request by htmx) on the routes that the API and the pages
// share, and add routes of their own. The handlers do all the work; a method here only renders, with the
// status code it finds right for a page, and may answer a form with a 303. page*.go has the implementation;
// its constructor is newPages(*Server) pages.
type pages interface {
	// Routes are the pages' own lines of the table, such as "/". Do not list /static/*.
	Routes() []route
	// Purchase shows the outcome of a press. name is the shopper's, in its normal form.
	Purchase(c echo.Context, a sale.Answer, name string) error
	// Checked shows whether name owns a unit: found is false when not, and r is then empty.
	Checked(c echo.Context, name string, r sale.Receipt, found bool) error
	// Users shows a page of the shoppers' list.
	Users(c echo.Context, l userList) error
	// Done shows that an operator's action succeeded: message is a sentence for the operator.
	Done(c echo.Context, message string) error
	// Problem shows why a request was refused; all errors of every route come here. p.Message is the sentence
	// to show and p.Status the code. Purchases that Checkout refused go to Purchase instead.
	Problem(c echo.Context, p Problem) error
	// Frame renders what live pages replace when a sale changes. It is called once per change for all readers.
	Frame(s sale.Snapshot) []byte
}
