package mail

import (
	"slices"
	"sync"
	"time"
)

// mailboxSize is how many mails a Mailbox keeps.
const mailboxSize = 100

// Kept is a mail in a Mailbox.
type Kept struct {
	// ID counts the mails from 1.
	ID int
	At time.Time
	Message
}

// Mailbox keeps the last mails in memory, so that a developer can read them without a server. The zero value is empty and ready
// to use. It is safe for concurrent use. Private mails are never in it.
type Mailbox struct {
	mu   sync.Mutex // guards what follows
	last int
	list []Kept // oldest first
}

func (b *Mailbox) keep(m Message) {
	if m.Private {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	if len(b.list) == mailboxSize {
		b.list = slices.Delete(b.list, 0, 1)
	}
	b.list = append(b.list, Kept{ID: b.last, At: time.Now().UTC(), Message: m})
}

// All are the mails, newest first.
func (b *Mailbox) All() []Kept {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := slices.Clone(b.list)
	slices.Reverse(all)
	return all
}

// Mail is the mail of that id. It is false when there is none, or none any more.
func (b *Mailbox) Mail(id int) (Kept, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.list, func(k Kept) bool { return k.ID == id })
	if i < 0 {
		return Kept{}, false
	}
	return b.list[i], true
}
