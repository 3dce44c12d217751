package sale

import "fmt"

// RevisionError means that an act names another revision of the sale than the present one: somebody acted in between.
type RevisionError struct {
	// Seen is what the act names, as it was written.
	Seen    string
	Present int64
}

func (e *RevisionError) Error() string {
	return fmt.Sprintf("the sale stands at revision %d, not at %s", e.Present, e.Seen)
}
