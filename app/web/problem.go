package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"

	"flashsale/app/live"
	"flashsale/events/audit"
	"flashsale/sale"
	"flashsale/users"
)

// kind is one kind of problem, and a sentinel error: a handler returns it, plain or wrapped, and the client
// gets its problem document. Its type URI is /problems/<name>, a page that explains it.
type kind struct {
	name    string
	status  int
	title   string
	message string
	// explain is the page at /problems/<name>: what it means and what to do.
	explain string
}

func (k *kind) Error() string { return k.message }

// Problem is an RFC 9457 document that also carries the original's success and message.
type Problem struct {
	Type     string         `json:"type"`
	Title    string         `json:"title"`
	Status   int            `json:"status"`
	Detail   string         `json:"detail,omitzero"`
	Instance string         `json:"instance,omitzero"`
	Success  bool           `json:"success"`
	Message  string         `json:"message"`
	Errors   []FieldProblem `json:"errors,omitempty"`
	// Timestamp and UserID are set when a purchase was refused.
	Timestamp string `json:"timestamp,omitzero"`
	UserID    string `json:"userId,omitzero"`
	Version   int64  `json:"version,omitzero"`
	// SeenRevision is what If-Match named, PresentRevision where the sale stands.
	SeenRevision    string `json:"seenRevision,omitzero"`
	PresentRevision int64  `json:"presentRevision,omitzero"`
	// RetryAfter is the number of seconds of the Retry-After field; 0: none.
	RetryAfter int `json:"retryAfter,omitzero"`
}

// FieldProblem says which field of the request is wrong and what was expected.
type FieldProblem struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// problem is the document for a kind, with a detail of its own or "".
func (k *kind) problem(detail string) Problem {
	if detail == "" {
		detail = k.message
	}
	return Problem{
		Type: "/problems/" + k.name, Title: k.title, Status: k.status,
		Detail: detail, Message: k.message,
	}
}

// fieldError is a request whose field is wrong. It is a problem of kind Kind.
type fieldError struct {
	kind   *kind
	fields []FieldProblem
}

func (e *fieldError) Error() string { return e.fields[0].Field + " " + e.fields[0].Message }
func (e *fieldError) Unwrap() error { return e.kind }

// badField says that one field of the request is wrong.
func badField(field, message string) error {
	return &fieldError{kind: errInvalid, fields: []FieldProblem{{Field: field, Message: message}}}
}

// detailed is a problem with a message of its own instead of its kind's.
type detailed struct {
	kind   *kind
	detail string
}

func (e *detailed) Error() string { return e.detail }
func (e *detailed) Unwrap() error { return e.kind }

// problemOf is the one place where an error becomes an answer. What it does not know is a fault of ours: 500,
// and the caller logs it.
func problemOf(err error) Problem {
	var (
		k     *kind
		field *fieldError
		own   *detailed
		wait  *waiting
		base  *echo.HTTPError
		rev   *sale.RevisionError
		amend *sale.AmendError
	)
	switch {
	case errors.As(err, &field):
		p := field.kind.problem(field.Error())
		p.Message, p.Errors = field.Error(), field.fields
		return p
	case errors.As(err, &own):
		p := own.kind.problem(own.detail)
		p.Message = own.detail
		return p
	case errors.As(err, &wait):
		p := wait.kind.problem("")
		p.RetryAfter = wait.seconds
		return p
	case errors.As(err, &k):
		return k.problem("")
	case errors.As(err, &rev):
		return staleRevision(rev)
	case errors.As(err, &amend):
		return refusedAmendment(amend)
	case errors.As(err, &base):
		return echoKind(base).problem("")
	}
	return domainKind(err).problem("")
}

// domainKind maps what the domains return.
func domainKind(err error) *kind {
	switch {
	case errors.Is(err, sale.ErrNoSale):
		return errNoSale
	case errors.Is(err, sale.ErrBusy):
		return errBusy
	case errors.Is(err, sale.ErrBelowSold):
		return errBelowSold
	case errors.Is(err, sale.ErrState):
		return errWrongState
	case errors.Is(err, sale.ErrNoOrder):
		return errNoOrder
	case errors.Is(err, audit.ErrKeyRunning):
		return errKeyRunning
	case errors.Is(err, audit.ErrKeyReused):
		return errKeyReused
	case errors.Is(err, audit.ErrOutcomeUnknown):
		return errOutcomeUnknown
	case errors.Is(err, users.ErrName):
		return errInvalid
	case errors.Is(err, live.ErrTooMany):
		return errTooManyStreams
	case errors.Is(err, sale.ErrCrowded), errors.Is(err, sale.ErrUnavailable),
		errors.Is(err, live.ErrClosed), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return errUnavailable
	}
	if away(err) {
		return errUnavailable
	}
	return errInternal
}

func echoKind(err *echo.HTTPError) *kind {
	switch err.Code {
	case http.StatusNotFound:
		return errNotFound
	case http.StatusMethodNotAllowed:
		return errMethod
	case http.StatusRequestEntityTooLarge:
		return errTooLarge
	}
	return errInternal
}

// fail answers a request with the problem of err, as a page for browsers.
func (s *Server) fail(c echo.Context, err error) {
	if c.Response().Committed {
		return
	}
	p := problemOf(err)
	s.logFailure(c, p.Status, err)
	s.refuse(c, p)
}

// refuse writes a problem, as a page for browsers; as JSON also when no page can be made of it.
func (s *Server) refuse(c echo.Context, p Problem) {
	if p.RetryAfter == 0 && p.Status == http.StatusServiceUnavailable {
		p.RetryAfter = 1
	}
	h := c.Response().Header()
	if p.RetryAfter > 0 {
		h.Set("Retry-After", itoa(p.RetryAfter))
	}
	if s.pages != nil && wantsPage(c.Request()) {
		err := s.pages.Problem(c, p)
		if err == nil || c.Response().Committed {
			return
		}
		s.logFault(c, err)
	}
	body, err := json.Marshal(p)
	if err != nil {
		s.logFault(c, err)
		c.Response().WriteHeader(http.StatusInternalServerError)
		return
	}
	writeBytes(c.Response(), p.Status, problemJSON, append(body, '\n'))
}
