package sale

import "fmt"

// RevisionError means that an act names an older revision of the sale than the present one: another operator has changed the
// sale meanwhile.
type RevisionError struct {
	// Seen is the revision that the act names, as the client wrote it.
	Seen    string
	Present int64
}

func (e *RevisionError) Error() string {
	return fmt.Sprintf("the sale is at revision %d, not at %s", e.Present, e.Seen)
}
