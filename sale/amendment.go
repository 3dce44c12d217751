package sale

import (
	"errors"
	"time"
)

// Amendment is what an operator changes of a sale. What is nil stays as it is.
type Amendment struct {
	StartsAt *time.Time `json:"startTime,omitempty"`
	EndsAt   *time.Time `json:"endTime,omitempty"`
	Total    *int64     `json:"stock,omitempty"`
}

// Field is a part of an Amendment.
type Field string

// The fields of an Amendment, by the names that the API has for them.
const (
	FieldStart Field = "startTime"
	FieldEnd   Field = "endTime"
	FieldStock Field = "stock"
)

var (
	// ErrTimes means that the start would not lie before the end.
	ErrTimes = errors.New("the start must lie before the end")
	// ErrFixed means that what has happened already forbids this change of the times.
	ErrFixed = errors.New("the times cannot be changed so any more")
)

// AmendError is an Amendment that is refused because of one of its fields. It wraps ErrTimes, ErrFixed,
// ErrState or ErrBelowSold.
type AmendError struct {
	Field Field
	// Reason is a sentence without its subject, which is the field.
	Reason string
	// Kind is the error that it wraps.
	Kind error
}

func (e *AmendError) Error() string { return string(e.Field) + " " + e.Reason }
func (e *AmendError) Unwrap() error { return e.Kind }
