package request

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"flashsale/events/audit"
	"flashsale/sale"
	"flashsale/users"
	"flashsale/users/login"
	"flashsale/views/text"
)

// Kind is one kind of problem, and a sentinel error: a handler returns it, plain or wrapped, and the client
// gets its problem document. Its type URI is /problems/<name>, a page that explains it.
type Kind struct { //nolint:errname // a kind of problem; its values are the sentinels
	// Name is part of the API.
	Name    string
	Status  int
	Title   string
	Message string
	// Explain tells developers what it means and what to do.
	Explain string
	// Page is what people read in place of all that.
	Page Page
}

// Page is what a person reads of a problem: what happened, and what to do now, a sentence each. The first stands as a heading, without a
// full stop. Both are names of texts (views/text), in English.
type Page struct{ Happened, Now string }

func (k *Kind) Error() string { return k.Message }

// Problem is an RFC 9457 document that also carries the original's success and message.
type Problem struct {
	Type    string         `json:"type"`
	Title   string         `json:"title"`
	Status  int            `json:"status"`
	Detail  string         `json:"detail,omitzero"`
	Success bool           `json:"success"`
	Message string         `json:"message"`
	Errors  []FieldProblem `json:"errors,omitempty"`
	// Timestamp and UserID are set when a purchase was refused.
	Timestamp string `json:"timestamp,omitzero"`
	UserID    string `json:"userId,omitzero"`
	Version   int64  `json:"version,omitzero"`
	// SeenRevision is what If-Match named, PresentRevision where the sale stands.
	SeenRevision    string `json:"seenRevision,omitzero"`
	PresentRevision int64  `json:"presentRevision,omitzero"`
	// Link is where to do what is needed first.
	Link string `json:"link,omitzero"`
	// RetryAfter is the number of seconds of the Retry-After field; 0: none.
	RetryAfter int `json:"retryAfter,omitzero"`

	// page is for people, and args fill its first sentence.
	page Page
	args []any
}

// For is what a person reads, in a language. What is wrong with a field of a form is what happened.
func (p Problem) For(l text.Language) Page {
	now := l.Say(p.page.Now)
	for i := range p.Errors {
		if label := fieldLabel(p.Errors[i].Field); label != "" {
			return Page{l.Say(label) + " " + p.Errors[i].Say(l), now}
		}
	}
	return Page{l.Say(p.page.Happened, p.args...), now}
}

// Field is the field of a form that the problem is about, empty when it is about none.
func (p Problem) Field() string {
	for i := range p.Errors {
		switch field := p.Errors[i].Field; {
		case field == "userIdentifier" || field == "userId":
			return "username"
		case fieldLabel(field) != "":
			return field
		}
	}
	if p.page == ErrUnknownShopper.Page {
		return "username"
	}
	return ""
}

// fieldLabel is what people call a field of the shop's forms; empty: they have no such field.
func fieldLabel(field string) string {
	switch field {
	case "username", "userIdentifier", "userId":
		return text.Key("The name")
	case "stockAmount":
		return text.Key("The number of units")
	case "page":
		return text.Key("The page")
	case "userCount":
		return text.Key("The number of users")
	case "picture":
		return text.Key("The picture")
	case "alt":
		return text.Key("The text of the picture")
	case "order":
		return text.Key("The order of the pictures")
	}
	return ""
}

// FieldProblem says which field of the request is wrong and what was expected.
type FieldProblem struct {
	Field   string `json:"field"`
	Message string `json:"message"`

	// said and args make the message; empty: it is a text by itself.
	said string
	args []any
}

// reason is an argument of a message that is a text itself.
type reason string

// Say is the message in a language.
func (e FieldProblem) Say(l text.Language) string {
	if e.said == "" {
		return l.Say(e.Message)
	}
	args := slices.Clone(e.args)
	for i := range args {
		if r, ok := args[i].(reason); ok {
			args[i] = l.Say(string(r))
		}
	}
	return l.Say(e.said, args...)
}

// Problem is the document for a kind, with a detail of its own or "".
func (k *Kind) Problem(detail string) Problem {
	if detail == "" {
		detail = k.Message
	}
	return Problem{
		Type: "/problems/" + k.Name, Title: k.Title, Status: k.Status,
		Detail: detail, Message: k.Message, page: k.Page,
	}
}

// ProblemError is an error with a document of its own. Beside the text of its kind it can name a field, a time to wait, or
// the sale.
type ProblemError struct {
	Kind    *Kind
	Problem Problem
}

func (e *ProblemError) Error() string { return e.Problem.Detail }
func (e *ProblemError) Unwrap() error { return e.Kind }

// BadField says that one field of the request is wrong.
func BadField(field, message string) error { return WrongField(ErrInvalid, field, message) }

// badFieldf is BadField with a message of parts, which a language puts in its own order.
func badFieldf(field, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	p := ErrInvalid.Problem(field + " " + message)
	p.Message, p.Errors = p.Detail, []FieldProblem{{Field: field, Message: message, said: format, args: args}}
	return &ProblemError{ErrInvalid, p}
}

// RefusedName says that a name is not taken, and why: a text by itself.
func RefusedName(field, why string) error {
	return badFieldf(field, "is not acceptable: %s", reason(why))
}

// notWhole says that a field is no number between low and high.
func notWhole(field string, low, high int64) error {
	return badFieldf(field, "must be a whole number from %d to %d", low, high)
}

// WrongField is BadField with a kind of its own.
func WrongField(k *Kind, field, message string) error {
	p := k.Problem(field + " " + message)
	p.Message, p.Errors = p.Detail, []FieldProblem{{Field: field, Message: message}}
	return &ProblemError{k, p}
}

// ProblemOf is the one table from errors to answers. An error that is not in it is a fault of ours: 500, and the caller
// logs it.
func ProblemOf(err error) Problem {
	var (
		k     *Kind
		own   *ProblemError
		base  *echo.HTTPError
		rev   *sale.RevisionError
		amend *sale.AmendError
		image *sale.PictureError
		part  *users.UnfinishedError
	)
	switch {
	case errors.As(err, &own):
		return own.Problem
	case errors.As(err, &k):
		return k.Problem("")
	case errors.As(err, &rev):
		return staleRevision(rev)
	case errors.As(err, &amend):
		return refusedAmendment(amend)
	case errors.As(err, &image):
		return ProblemOf(badFieldf(image.Field, image.Format, image.Args...))
	case errors.As(err, &part):
		return unfinished(part)
	case errors.As(err, &base):
		return echoKind(base).Problem("")
	}
	return domainKind(err).Problem("")
}

// domainKind is the kind of an error that a domain returned.
func domainKind(err error) *Kind {
	switch {
	case errors.Is(err, sale.ErrNoSale):
		return ErrNoSale
	case errors.Is(err, sale.ErrBusy):
		return ErrBusy
	case errors.Is(err, sale.ErrBelowSold):
		return ErrBelowSold
	case errors.Is(err, sale.ErrSlug):
		return ErrSlugTaken
	case errors.Is(err, sale.ErrState):
		return ErrWrongState
	case errors.Is(err, sale.ErrNoOrder):
		return ErrNoOrder
	case errors.Is(err, sale.ErrNoPicture):
		return ErrNoPicture
	case errors.Is(err, sale.ErrErased):
		return ErrReceiptErased
	case errors.Is(err, audit.ErrKeyRunning):
		return ErrKeyRunning
	case errors.Is(err, audit.ErrKeyReused):
		return ErrKeyReused
	case errors.Is(err, audit.ErrOutcomeUnknown):
		return ErrOutcomeUnknown
	case errors.Is(err, sale.ErrTooMany), errors.Is(err, sale.ErrUnavailable),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return ErrUnavailable
	}
	if k := accountKind(err); k != nil {
		return k
	}
	switch {
	case locked(err):
		return ErrBusy
	case unavailable(err):
		return ErrUnavailable
	}
	return ErrInternal
}

// accountKind is the kind of an error about accounts, roles, second factors and tokens, or nil. What ErrRefused, ErrExpired and
// ErrTaken mean to a person depends on the form, which says it itself where it matters.
func accountKind(err error) *Kind {
	for _, known := range []struct {
		err  error
		kind *Kind
	}{
		{users.ErrName, ErrInvalid}, {users.ErrTaken, ErrTaken}, {users.ErrNoAccount, ErrNoAccount},
		{login.ErrTaken, ErrTaken}, {login.ErrRefused, ErrWrongSignIn}, {login.ErrExpired, ErrCodeExpired},
		{login.ErrRevoked, ErrSessionEnded},
		{login.ErrRole, ErrInvalid}, {login.ErrLastOwner, ErrLastOwner}, {login.ErrOwnerExists, ErrOwnerExists},
		{login.ErrNotOwner, ErrNotOperator}, {login.ErrHasRole, ErrHasRole},
		{login.ErrEnrolled, ErrSecondFactorDone}, {login.ErrNotEnrolled, ErrSecondFactor}, {login.ErrCooling, ErrTooMany},
		{login.ErrScope, ErrInvalid}, {login.ErrTokenName, ErrInvalid}, {login.ErrTokenLife, ErrInvalid}, {login.ErrNoToken, ErrNoToken},
	} {
		if errors.Is(err, known.err) {
			return known.kind
		}
	}
	return nil
}

func echoKind(err *echo.HTTPError) *Kind {
	switch err.Code {
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusMethodNotAllowed:
		return ErrMethod
	case http.StatusRequestEntityTooLarge:
		return ErrTooLarge
	}
	return ErrInternal
}

// staleRevision says which revision the act named and at which the sale is.
func staleRevision(e *sale.RevisionError) Problem {
	seen := Clip(e.Seen)
	p := ErrRevisionChanged.Problem("Nothing was done: the sale is at revision " + strconv.FormatInt(e.Present, 10) +
		", and this was meant for revision " + strings.ReplaceAll(seen, `"`, "") + ". Look at the sale, and do it again if it is still wanted")
	p.SeenRevision, p.PresentRevision = seen, e.Present
	return p
}

// unfinished says, beside what the error is, what exists of a series.
func unfinished(e *users.UnfinishedError) Problem {
	p := ProblemOf(e.Cause)
	p.Detail = p.Message + ". The first " + strconv.Itoa(e.Done) + " of " + strconv.Itoa(e.Total) +
		" shoppers exist; the same request again creates the rest"
	p.Message = p.Detail
	p.page, p.args = Page{"Only the first %d of %d users were made", "Press again to make the rest."}, []any{e.Done, e.Total}
	return p
}

// refusedAmendment names the field whose new value is not possible.
func refusedAmendment(e *sale.AmendError) Problem {
	kind := ErrTimesFixed
	switch {
	case errors.Is(e, sale.ErrTimes):
		kind = ErrTimes
	case errors.Is(e, sale.ErrBelowSold):
		kind = ErrBelowSold
	case errors.Is(e, sale.ErrPrice):
		kind = ErrPrice
	case errors.Is(e, sale.ErrState):
		kind = ErrWrongState
	}
	p := kind.Problem(e.Error())
	p.Message, p.Errors = e.Error(), []FieldProblem{{Field: string(e.Field), Message: e.Reason}}
	return p
}

// unavailable reports whether err says that a server does not answer, and is no fault of ours: an error of the network, a
// broken connection, or a database that cannot serve now. It looks at the methods of err, because this package imports no
// driver.
func unavailable(err error) bool {
	var (
		network net.Error
		state   interface{ SQLState() string }
		retry   interface{ SafeToRetry() bool }
	)
	switch {
	case errors.As(err, &state):
		return unavailableState(state.SQLState())
	case errors.As(err, &retry) && retry.SafeToRetry():
		return true
	case errors.As(err, &network):
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// locked reports whether the database ended a transaction in favour of another one: it waited too long for a lock, or there was a
// deadlock or a conflict. Nothing was done.
func locked(err error) bool {
	var state interface{ SQLState() string }
	return errors.As(err, &state) && slices.Contains([]string{"55P03", "40P01", "40001"}, state.SQLState())
}

// unavailableState: classes 08 (connection), 53 (no resources) and 57 (stopped by its operator).
func unavailableState(code string) bool {
	return len(code) == 5 && (code[:2] == "08" || code[:2] == "53" || code[:2] == "57")
}
