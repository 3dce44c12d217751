package users

import "fmt"

// UnfinishedError means that the first accounts of a series exist, and that an error ended the act before the rest did. It wraps
// that error.
type UnfinishedError struct {
	// Done accounts of the series exist, of Total that were asked for.
	Done, Total int
	Cause       error
}

func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("the first %d of %d shoppers exist, the same request again creates the rest: %v", e.Done, e.Total, e.Cause)
}

func (e *UnfinishedError) Unwrap() error { return e.Cause }
