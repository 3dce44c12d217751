package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"flashsale/app/web"
	"flashsale/events/audit"
)

// operations are the operators' acts, which span several owners. Each is one transaction with its audit record and, when the
// request bears a key, its answer; see perform. What it answers is what that transaction wrote. Then this process shows
// the new state before the answer leaves; other processes follow within the lease.
type operations struct {
	*core
	log     *slog.Logger
	serving bool // an instance runs in this process and reconciles
	// patience is how long Verify waits for the holders to follow the ledger.
	patience time.Duration
	probing  *probes
	crowds   chan struct{} // holds a token for each act under way that changes many accounts
}

// maxCrowds is how many acts of this process may change many accounts at once.
const maxCrowds = 2

func newOperations(c *core, log *slog.Logger) *operations {
	return &operations{core: c, log: log, probing: newProbes(c), patience: settlePatience, crowds: make(chan struct{}, maxCrowds)}
}

// tell logs a failure that repairs itself.
func (o *operations) tell(_ context.Context, what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		o.log.Warn(what, "error", err)
	}
}

// byCommand is an act of whoever runs a command on the deployment's own machine.
func byCommand() web.Act { return web.Act{ActKey: audit.ActKey{Principal: "operator"}} }
