package consumer

import "time"

// Times of the ledger. app/timebudget.md says which has to be shorter than which.
const (
	// transactionTime bounds a transaction of the ledger, directTime one of the direct path with the wait for its turn.
	transactionTime = 5 * time.Second
	directTime      = 2 * time.Second
	// beginTime bounds how a new ledger finds its place in the log, with the wait for the other processes that do so.
	beginTime = 15 * time.Second
	// stallAfter is how long a partition may lag without moving before the group is joined anew.
	stallAfter = 15 * time.Second
	// sessionTime is how long the group keeps a process that sends no heartbeat, signEvery how often one is sent.
	sessionTime = 6 * time.Second
	signEvery   = 500 * time.Millisecond
	// rebalanceTime is how long the group waits for its members to join again.
	rebalanceTime = 6 * time.Second
)
