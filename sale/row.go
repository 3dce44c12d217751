package sale

import (
	"time"

	"github.com/google/uuid"
)

// Row is a sale as the ledger has it: its row, its product, and the stock of its present generation.
type Row struct {
	Key
	Slug             string
	State            State
	StartsAt, EndsAt time.Time
	// Partition is the partition of the claims log that has all claims of the sale.
	Partition int
	// Limit is how often the button may be pressed.
	Limit PressLimit
	// Zone is how people write the times, by the name that the IANA has for it.
	Zone string
	// Archived is true for a sale that was put away: it is in no list, and never the current one.
	Archived bool
	// Secret is the key from which claim ids are derived.
	Secret []byte
	// Ledger is the identity of the ledger that the row is of. Claims name it.
	Ledger uuid.UUID
	// Version grows with every change of the row. Revision grows with the acts of operators only.
	Version, Revision int64
	// ClosingVersion is the Version that the present closing gave the row. CloseID needs it.
	ClosingVersion int64
	// Message is what an operator tells shoppers; empty: nothing.
	Message string
	// Texts are what shoppers read in each state.
	Texts   Texts
	Product Product
	Level   Level
}

// ClientVersion is the version that clients see. It never falls, because its two parts never fall, across generations too.
func (s *Row) ClientVersion() int64 { return s.Version + s.Level.Version }

// StatusAt is what shoppers are told at that time.
func (s *Row) StatusAt(now time.Time) Status {
	return status(s.State, s.EndsAt, now, s.Level.Total, s.Level.Taken)
}

// Changes is what a read of the ledger found.
type Changes struct {
	// Rows are the sales that changed, without their levels. Levels are those of all sales.
	Rows   []Row
	Levels []Level
	// Sellouts are the moments at which present generations sold out. One that has units again may still be there.
	Sellouts map[Key]Sellout
	// Now is the time by Postgres' clock. It lies between Asked and AnsweredAt, which are times of this process.
	Now, Asked, AnsweredAt time.Time
}
