package events

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// Undecided is a claim without a verdict, as one process knows it.
type Undecided struct {
	ClaimID                    uuid.UUID
	SaleID, Generation, UserID int64
	Username                   string
	// PressedAt is by the clock of Postgres; zero when that is not known.
	PressedAt time.Time
	// Since is when this process got to know of the claim, by its own clock.
	Since time.Time
	// Position is where the log has it. Nil: the log has not acknowledged it to this process.
	Position *Position
	Doing    Doing
}

// Doing says what a process does about a claim without a verdict.
type Doing string

const (
	// Answering: a request waits for the verdict.
	Answering Doing = "answering"
	// Told: its shopper was told that the verdict comes later. It is awaited, and looked up.
	Told Doing = "told"
	// Deciding: the claim was read from the log and is being decided, perhaps again and again.
	Deciding Doing = "deciding"
)

// Oldest puts a claim into a list of those known longest, which has at most so many and begins with the one known longest. It
// returns the list.
func Oldest(list []Undecided, u *Undecided, most int) []Undecided {
	if len(list) >= most && !u.Since.Before(list[len(list)-1].Since) {
		return list
	}
	at, _ := slices.BinarySearchFunc(list, u, func(a Undecided, b *Undecided) int {
		if a.Since.After(b.Since) {
			return 1
		}
		return -1
	})
	if list = slices.Insert(list, at, *u); len(list) > most {
		list = list[:most]
	}
	return list
}
