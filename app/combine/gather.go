package combine

import "time"

const (
	// gatherFrom is how many calls a run had at least after which its worker gathers: where few come, gathering saves nothing.
	gatherFrom = 8
	// gatherMost bounds it, and with it how long a call waits for others.
	gatherMost = 25 * time.Millisecond
)

// pauseAfter is how long a worker gathers calls after a run that took so long, when so many processes share the server. It is the time
// in which each of the others makes a run of its own: so about one run is under way at a time, as with one process. Meanwhile a full
// batch has its run at once, by another worker.
func pauseAfter(took time.Duration, share int) time.Duration {
	return min(time.Duration(share-1)*took, gatherMost)
}
