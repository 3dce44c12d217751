// Package operator carries out the acts of operators, which change the data of several domains: resets, presets, stock, pause
// and resume, the end of a sale, cancelled orders, the accounts of the series, roles, API tokens, the brand, and the pictures of products. It also checks
// the invariants.
//
// Each act is one transaction. The act opens it, passes it to the ...Tx methods of the domains, and writes in it the record
// for the audit log and, when the request has an idempotency key, its answer; see perform. So the answer to an act is what it
// wrote, and there is no act without a record. After the commit this process shows the new state before the answer is sent;
// other processes follow within the lease.
//
// The package imports the domains and no HTTP: a handler, a command and a test call the same acts.
package operator

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/events/audit"
	"flashsale/events/consumer"
	"flashsale/inventory"
	"flashsale/sale/checkout"
	"flashsale/sale/ledger"
	"flashsale/sale/storefront"
	"flashsale/users"
	"flashsale/users/directory"
	"flashsale/users/login"
)

// Config has the stores of the domains that the acts change. All fields are required, except Pictures and Alone.
type Config struct {
	Pool       *pgxpool.Pool
	Stock      *inventory.Store
	Places     *inventory.Places
	Reconciler *inventory.Reconciler
	Owners     Owners
	Sales      *ledger.Store
	Catalog    *checkout.Catalog
	Checkout   *checkout.Checkout
	Users      *users.Store
	Directory  *directory.Directory
	Team       *login.Store
	Brand      *storefront.Store
	// Pictures has the pictures of products in the memory of this process. Nil: it serves none.
	Pictures *storefront.ProductPictures
	Audit    *audit.Log
	Ledger   *consumer.Ledger
	// Alone is true when this process has started its servers itself. Until an instance runs in it, nobody has brought the
	// holders in Redis into line with the ledger.
	Alone  bool
	Logger *slog.Logger
	// NamesChanged tells the other processes that who may purchase has changed. Nil: they find out by themselves, within a second.
	NamesChanged func()
}

// Owners tells who owns a unit and how many units there are, read at one moment of the ledger.
type Owners interface {
	// Current are the generations that are on sale.
	Current(ctx context.Context) ([]inventory.Key, error)
	Owners(ctx context.Context, k inventory.Key) (owners []int64, limit, version int64, err error)
}

// Acts are the operators' acts. They may be called at the same time.
type Acts struct {
	pool       *pgxpool.Pool
	stock      *inventory.Store
	places     *inventory.Places
	reconciler *inventory.Reconciler
	owners     Owners
	sales      *ledger.Store
	catalog    *checkout.Catalog
	checkout   *checkout.Checkout
	users      *users.Store
	directory  *directory.Directory
	team       *login.Store
	brand      *storefront.Store
	pictures   *storefront.ProductPictures
	decoding   chan struct{} // held by the one who makes a picture of a file
	proving    chan struct{} // held by the one who makes a report
	audit      *audit.Log
	ledger     *consumer.Ledger
	alone      bool
	log        *slog.Logger
	tell       func()
	serving    bool // an instance runs in this process, and reconciles
	// patience is how long Verify waits for the holders to follow the ledger.
	patience time.Duration
}

// New makes the acts.
func New(c Config) *Acts {
	return &Acts{
		pool: c.Pool, stock: c.Stock, places: c.Places, reconciler: c.Reconciler, owners: c.Owners, sales: c.Sales, catalog: c.Catalog,
		checkout: c.Checkout, users: c.Users, directory: c.Directory, team: c.Team, brand: c.Brand, pictures: c.Pictures,
		decoding: make(chan struct{}, 1), proving: make(chan struct{}, 1), audit: c.Audit, ledger: c.Ledger, alone: c.Alone, log: c.Logger,
		patience: settlePatience, tell: c.NamesChanged,
	}
}

// InInstance says that an instance runs in this process: it reconciles, and it has the names of shoppers in memory. Call it
// before the first act.
func (o *Acts) InInstance() { o.serving = true }

// warn logs a failure that repairs itself.
func (o *Acts) warn(what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		o.log.Warn(what, "error", err)
	}
}
