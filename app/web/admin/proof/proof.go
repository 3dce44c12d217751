// Package proof shows operators whether the promises of a sale are kept: as far as memory knows it, at every moment, and by a check of the
// whole data when somebody asks for one. Reports of such checks are kept in the audit log and can be opened again.
package proof

import (
	"context"

	"github.com/google/uuid"

	"flashsale/app/figures"
	"flashsale/app/operator"
	"flashsale/app/web/desk"
	"flashsale/app/web/request"
	"flashsale/sale"
)

// catalog is checkout.Catalog: the sales' snapshots, from memory.
type catalog interface {
	All() []sale.Snapshot
}

// Prover is operator.Acts. Errors beside those of an act: operator.ErrNoReport.
type Prover interface {
	Prove(ctx context.Context, a operator.Act, process, version string) (operator.Report, error)
	Reports(ctx context.Context, most int) ([]operator.Report, error)
	Report(ctx context.Context, id uuid.UUID) (operator.Report, error)
}

// Config is what the Handlers need. All fields are required, except Figures.
type Config struct {
	Catalog catalog
	Prover  Prover
	Frame   desk.Desk
	// Figures are what all processes count. Nil: nothing is known of claims and places without a check.
	Figures *figures.Keeper
	// ProcessID and Version are what reports name as the one who checked.
	ProcessID, Version string
}

// Handlers answer operators. Make them with New; they are safe for concurrent use.
type Handlers struct {
	cfg  Config
	kept kept
}

// New puts the handlers together.
func New(cfg Config) *Handlers { return &Handlers{cfg: cfg} }

// api is where programs and forms ask.
const api = "/api/admin/proof"

// Routes are the pages of the place, and what their forms and programs ask.
func (hs *Handlers) Routes() []request.Route {
	return []request.Route{
		{Method: "GET", Path: desk.Proof, Handler: hs.Page, Who: request.Viewers},
		{Method: "GET", Path: desk.Proof + "/:id", Handler: hs.ReportPage, Who: request.Viewers},
		{Method: "GET", Path: api, Handler: hs.Reports, Who: request.Viewers},
		{Method: "POST", Path: api, Handler: hs.Prove, Who: request.Viewers, Limit: request.OperationTime},
		{Method: "GET", Path: api + "/live", Handler: hs.Live, Who: request.Viewers},
		{Method: "GET", Path: api + "/:id", Handler: hs.Report, Who: request.Viewers},
	}
}
