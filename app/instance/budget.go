package instance

import "time"

// Times of the wiring. app/timebudget.md says which has to be shorter than which, here and in the domains.
const (
	// reserveTime, produceTime, decideTime, nameTime and receiptTime bound the batches behind the combiners. A caller who
	// has less time leaves earlier; the batch goes on for the others.
	reserveTime = time.Second
	produceTime = 2 * time.Second
	decideTime  = 5 * time.Second
	nameTime    = 2 * time.Second
	receiptTime = 2 * time.Second
)
