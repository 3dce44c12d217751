package checkout

import "time"

// Times of a purchase. A request is answered within buyTime whatever fails: each stage has its own time or what is left of
// the request's, whichever is less. The stages before the claim leave claimTime, so that a place is not taken for nothing.
//
//	stage                                              has, in ms       sum     ends at
//	the name is looked up                        lookupTime     500     500
//	the sale is opened, or                       startTime    1,000   1,500
//	a loser may be an owner (the answer)         lookupTime     500
//	a place                                      placeTime      700   2,200
//	the places are loaded; else the ledger       rebuildTime    500   2,700
//	decides who gets in
//	a place once more                            placeTime      700   3,400     buyTime - claimTime = 1,500
//	a holder may be an owner                     lookupTime     500     500
//	the log acknowledges the claim               appendTime     300     800
//	it has not: the direct path (the answer)     directTime   2,000   2,800
//	it has: the verdict, and within that after   verdictTime  1,000   1,800
//	idleTime whether anybody consumes            appendTime     300   2,100
//	and the direct path                          the rest       500   2,600
//	an old verdict is looked up again            lookupTime     500   3,100
//	the claim of the attempt that comes next     as above     2,600   5,700
//	the owner's receipt, with its key            lookupTime   1,000   6,700     buyTime = 3,000
const (
	// buyTime is how long a request may take. claimTime is the part of it that is reserved for the claim of a shopper who has
	// a place.
	buyTime   = 3 * time.Second
	claimTime = 1500 * time.Millisecond
	// placeTime is how long a place may take: for what waits the combiner has 500 ms, and the script 200.
	placeTime = 700 * time.Millisecond
	// rebuildTime is how long a request waits for places that are not loaded. The load goes on without it.
	rebuildTime = 500 * time.Millisecond
	// appendTime is how long the log has to acknowledge a claim before the ledger is asked directly.
	appendTime = 300 * time.Millisecond
	// idleTime is how long an acknowledged claim waits before its request looks whether anybody consumes.
	idleTime = 500 * time.Millisecond
	// verdictTime is how long a request waits for a verdict at most, from the acknowledgement.
	verdictTime = time.Second
	// directTime bounds the direct path of a claim that the log did not acknowledge.
	directTime = 2 * time.Second
	// resendEvery bounds how often this process writes a claim again for requests whose shopper has the place already.
	resendEvery = time.Second
	// lookupTime bounds the look-up of what is not in memory: a name, a receipt, a verdict.
	lookupTime = 500 * time.Millisecond
	// progressTime is how long an answer about the log's progress is good for.
	progressTime = 100 * time.Millisecond
	// startTime is how long a request waits for the sale to be opened when its start has passed.
	startTime = time.Second
)
