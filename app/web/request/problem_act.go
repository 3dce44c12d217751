package request

import (
	"errors"
	"strconv"

	"flashsale/sale"
)

// staleRevision says both what the act named and where the sale stands.
func staleRevision(e *sale.RevisionError) Problem {
	seen := Clip(e.Seen)
	p := ErrRevisionChanged.Problem("The sale stands at revision " + strconv.FormatInt(e.Present, 10) + "; If-Match names " + seen)
	p.SeenRevision, p.PresentRevision = seen, e.Present
	return p
}

// refusedAmendment names the field that cannot be as it was asked for.
func refusedAmendment(e *sale.AmendError) Problem {
	kind := ErrTimesFixed
	switch {
	case errors.Is(e, sale.ErrTimes):
		kind = ErrTimes
	case errors.Is(e, sale.ErrBelowSold):
		kind = ErrBelowSold
	case errors.Is(e, sale.ErrState):
		kind = ErrWrongState
	}
	p := kind.Problem(e.Error())
	p.Message, p.Errors = e.Error(), []FieldProblem{{Field: string(e.Field), Message: e.Reason}}
	return p
}
