package web

import (
	"errors"

	"flashsale/sale"
)

// staleRevision says both what the act named and where the sale stands.
func staleRevision(e *sale.RevisionError) Problem {
	seen := clip(e.Seen)
	p := errRevisionChanged.problem("The sale stands at revision " + itoa64(e.Present) + "; If-Match names " + seen)
	p.SeenRevision, p.PresentRevision = seen, e.Present
	return p
}

// refusedAmendment names the field that cannot be as it was asked for.
func refusedAmendment(e *sale.AmendError) Problem {
	kind := errTimesFixed
	switch {
	case errors.Is(e, sale.ErrTimes):
		kind = errTimes
	case errors.Is(e, sale.ErrBelowSold):
		kind = errBelowSold
	case errors.Is(e, sale.ErrState):
		kind = errWrongState
	}
	p := kind.problem(e.Error())
	p.Message, p.Errors = e.Error(), []FieldProblem{{Field: string(e.Field), Message: e.Reason}}
	return p
}
