package limits

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

const (
	// mostNotes is how many notes may wait. When there are more, the newest is dropped: nobody who is refused waits for it.
	mostNotes = 1024
	// notesAtOnce is how many of them one call to Redis carries.
	notesAtOnce = 64
	// lastNotes is how long what is left at the end may take.
	lastNotes = time.Second
)

// note is that an attempt at an account was refused.
type note struct {
	account int64
	policy  Policy
	by      By
	at      time.Time
}

// Note keeps that an attempt at an account was refused. It never waits: Run writes what was noted. Nothing depends on it being kept:
// while Redis does not answer, or too many notes wait, it is not, and a Redis that begins empty has forgotten it.
func (l *Limits) Note(account int64, policy Policy, by By) {
	if l == nil || l.client == nil {
		return
	}
	select {
	case l.notes <- note{account, policy, by, time.Now()}:
	default:
		l.dropped.Inc()
	}
}

// Run writes notes until ctx ends, and then, for a second at most, those that are left.
func (l *Limits) Run(ctx context.Context) error {
	for {
		select {
		case first := <-l.notes:
			l.write(ctx, first)
		case <-ctx.Done():
			l.writeRest(ctx)
			return nil
		}
	}
}

// writeRest writes the notes that wait, for as long as they may take.
func (l *Limits) writeRest(ctx context.Context) {
	for end := time.Now().Add(lastNotes); ; {
		select {
		case first := <-l.notes:
			if time.Now().After(end) {
				l.dropped.Inc()
				continue
			}
			l.write(ctx, first)
		default:
			return
		}
	}
}

// write writes a note and those that wait behind it in one call, which has a deadline.
func (l *Limits) write(ctx context.Context, first note) {
	some := []note{first}
	for len(some) < notesAtOnce && len(l.notes) > 0 {
		some = append(some, <-l.notes) // nobody else takes them
	}
	_, err := guarded(ctx, l, func(ctx context.Context) (struct{}, error) { return struct{}{}, l.keep(ctx, some) })
	if err != nil {
		l.dropped.Add(float64(len(some)))
	}
}

func (l *Limits) keep(ctx context.Context, some []note) error {
	calls := make(rueidis.Commands, 0, 2*len(some))
	for _, n := range some {
		key, field := l.metKey(AccountKey(n.account)), string(n.policy)+" "+string(n.by)
		calls = append(calls,
			l.client.B().Hset().Key(key).FieldValue().FieldValue(field, strconv.FormatInt(n.at.UnixMilli(), 10)).Build(),
			l.client.B().Expire().Key(key).Seconds(int64(metFor/time.Second)).Build())
	}
	var failed error
	for _, reply := range l.client.DoMulti(ctx, calls...) {
		failed = cmp.Or(failed, reply.Error())
	}
	return failed
}
