package figures

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"
)

// mostClaims is how many claims one process tells of.
const mostClaims = 50

// Claim is a claim without a verdict, as a process tells of it.
type Claim struct {
	ID         uuid.UUID `json:"id"`
	Sale       int64     `json:"sale"`
	Generation int64     `json:"generation"`
	Account    int64     `json:"account"`
	Username   string    `json:"username"`
	// Pressed is by the clock of Postgres; zero when that is not known.
	Pressed time.Time `json:"pressed,omitzero"`
	// Millis is for how long the process has known of it.
	Millis int64 `json:"millis"`
	// Partition and Offset are where the log has it; they are absent while the log has not acknowledged it to the process.
	Partition *int   `json:"partition,omitempty"`
	Offset    *int64 `json:"offset,omitempty"`
	// Doing says what the process does about it.
	Doing string `json:"doing"`
}

// Waiting is a claim without a verdict, put together from what all processes tell of it.
type Waiting struct {
	Claim
	// Processes are those that know of it.
	Processes []Looking
}

// Looking is a process that knows of a claim, and what it does about it.
type Looking struct{ Process, Doing string }

// Claims are the claims without a verdict that the living processes tell of, each once, and those that have waited longest first.
// Each process tells of a bounded number, so there may be more.
func (k *Keeper) Claims() []Waiting {
	k.mu.Lock()
	defer k.mu.Unlock()
	byID := map[uuid.UUID]*Waiting{}
	for _, p := range k.processes {
		for i := range p.Claims {
			c := &p.Claims[i]
			if byID[c.ID] == nil {
				byID[c.ID] = &Waiting{Claim: *c}
			}
			byID[c.ID].add(c, p.Process)
		}
	}
	all := make([]Waiting, 0, len(byID))
	for _, w := range byID {
		slices.SortFunc(w.Processes, func(a, b Looking) int {
			return cmp.Or(cmp.Compare(a.Process, b.Process), cmp.Compare(a.Doing, b.Doing))
		})
		all = append(all, *w)
	}
	slices.SortFunc(all, func(a, b Waiting) int {
		return cmp.Or(cmp.Compare(b.Millis, a.Millis), slices.Compare(a.ID[:], b.ID[:]))
	})
	return all
}

// add takes in what one more process tells of the claim.
func (w *Waiting) add(c *Claim, process string) {
	w.Processes = append(w.Processes, Looking{process, c.Doing})
	w.Millis = max(w.Millis, c.Millis)
	if w.Offset == nil {
		w.Partition, w.Offset = c.Partition, c.Offset
	}
	if w.Pressed.IsZero() {
		w.Pressed = c.Pressed
	}
}
