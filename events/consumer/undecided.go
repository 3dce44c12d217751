package consumer

import (
	"time"

	"flashsale/events"
)

// deciding is a batch that a follower decides now, since when.
type deciding struct {
	batch *batch
	since time.Time
}

// decides notes that a follower decides a batch, until the function that it returns is called.
func (l *Ledger) decides(partition int, b *batch) (done func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deciding[partition] = deciding{b, time.Now()}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.deciding, partition)
	}
}

// Undecided lists the claims that this process has read from the log and has not decided for that long, at most so many of each
// partition and those that the log has first. The records after them it has not looked at: how many those are is the lag.
func (l *Ledger) Undecided(now time.Time, than time.Duration, most int) (list []events.Undecided) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for partition, d := range l.deciding {
		if now.Sub(d.since) < than {
			continue
		}
		records := d.batch.records
		for i := range records[:min(most, len(records))] {
			c := &records[i].Claim
			if records[i].Undecodable != nil || c.Kind != events.KindClaim {
				continue
			}
			list = append(list, events.Undecided{
				ClaimID: c.ID, SaleID: c.SaleID, Generation: c.Generation, UserID: c.UserID, Username: c.Username, PressedAt: c.PressedAt,
				Since: d.since, Position: &events.Position{Partition: partition, Offset: records[i].Offset}, Doing: events.Deciding,
			})
		}
	}
	return list
}
