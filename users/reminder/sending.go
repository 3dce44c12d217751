package reminder

import (
	"context"
	"maps"
	"time"

	"flashsale/users"
)

const (
	// step is the time between two batches while there is something to send, and rest the one while there is not.
	step, rest = 100 * time.Millisecond, time.Second
	// queued is how many mails may wait in the sender's queue before a batch waits too.
	queued = 20
	// countPause is how long a count of those who wait is used.
	countPause = 10 * time.Second
	// A sale that started so long ago needs no reminders. They are deleted a few at a time.
	kept, cleaningPause, cleaningBatch = time.Hour, 5 * time.Minute, 500
)

// Run sends the mails that are due and deletes old reminders, until ctx ends; then it returns nil. Several processes share the work.
// Without mail it only deletes.
func (r *Reminders) Run(ctx context.Context) error {
	w := worker{Reminders: r, ahead: map[Start]counted{}}
	for {
		pause := rest
		if w.work(ctx) {
			pause = step
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// counted is how long before a start its mails begin, and when that was found out.
type counted struct {
	ahead time.Duration
	at    time.Time
}

// worker is what one Run remembers.
type worker struct {
	*Reminders
	ahead   map[Start]counted
	cleaned time.Time
}

// work does what is due now. It is true when there may be more to send at once.
func (w *worker) work(ctx context.Context) (more bool) {
	for _, s := range w.cfg.Sales() {
		if w.On() && w.due(ctx, s) {
			more = w.send(ctx, s) || more
		}
	}
	if time.Since(w.cleaned) >= cleaningPause {
		w.clean(ctx)
	}
	return more
}

// due is true while the mails of a sale go.
func (w *worker) due(ctx context.Context, s Sale) bool {
	left := s.Starts.Sub(s.Now)
	switch {
	case !s.Announced || left <= 0 || left > earliest:
		return false
	case left <= Ahead:
		return true
	}
	return left <= w.begin(ctx, s)
}

// begin is how long before the start the mails of a sale begin to go.
func (w *worker) begin(ctx context.Context, s Sale) time.Duration {
	start := s.start()
	known, found := w.ahead[start]
	if found && time.Since(known.at) < countPause {
		return known.ahead
	}
	n, err := w.store.waiting(ctx, s.ID, int(earliest.Seconds())*w.cfg.PerSecond)
	if err != nil {
		w.failed(ctx, err)
		return known.ahead
	}
	maps.DeleteFunc(w.ahead, func(other Start, _ counted) bool { return other.At.Before(s.Now) })
	w.ahead[start] = counted{aheadOf(n, w.cfg.PerSecond), time.Now()}
	return w.ahead[start].ahead
}

// aheadOf is how long before the start the first of n mails goes, so that the last one goes well before it.
func aheadOf(n, perSecond int) time.Duration {
	needed := time.Duration(n) * time.Second / time.Duration(perSecond)
	return min(max(Ahead, needed+needed/2), earliest)
}

func (s Sale) start() Start { return Start{s.ID, s.Starts} }

// send hands over one batch. It is true when there may be more.
func (w *worker) send(ctx context.Context, s Sale) bool {
	room := queued - w.cfg.Mail.Waiting()
	if room <= 0 {
		return true
	}
	share := max(1, w.cfg.PerSecond*int(step/time.Millisecond)/1000/max(1, w.cfg.Processes()))
	due, err := w.store.claim(ctx, s.start(), min(share, room))
	if err != nil || len(due) == 0 {
		w.failed(ctx, err)
		return false
	}
	if left := w.handOver(ctx, s, due); len(left) > 0 {
		// Also while the process ends: nobody else knows of them.
		w.failed(ctx, w.store.release(context.WithoutCancel(ctx), s.start(), left))
	}
	return true
}

// handOver gives the mails to the sender and returns the accounts whose mail it has no room for.
func (w *worker) handOver(ctx context.Context, s Sale, due []claimed) (left []int64) {
	ids := make([]int64, len(due))
	for i, one := range due {
		ids[i] = one.account
	}
	who, err := w.cfg.Accounts.ReachableIDs(ctx, ids)
	if err != nil {
		w.failed(ctx, err)
		return ids
	}
	for i, one := range due {
		account := who[one.account]
		if !reachable(account) {
			w.metrics.count(unreachable)
			continue
		}
		switch err := w.cfg.Mail.Send(w.mail(s, account, one.language)); {
		case err == nil:
			w.metrics.count(sent)
		case isFull(err):
			return ids[i:]
		default:
			w.metrics.count(failed)
			w.cfg.Logger.Warn("a reminder was not taken", "error", err)
		}
	}
	return nil
}

func (w *worker) mail(s Sale, to users.Reach, language string) Mail {
	return letter{sale: s, shop: w.cfg.Shop}.mail(to.Email, language)
}

// clean deletes reminders of sales that started long ago.
func (w *worker) clean(ctx context.Context) {
	var past []int64
	for _, s := range w.cfg.Sales() {
		if s.Now.Sub(s.Starts) > kept {
			past = append(past, s.ID)
		}
	}
	if len(past) == 0 {
		w.cleaned = time.Now()
		return
	}
	gone, err := w.store.deletePast(ctx, past, cleaningBatch)
	w.failed(ctx, err)
	if gone < cleaningBatch {
		w.cleaned = time.Now()
	}
}

// failed logs an error, but not one that the end of Run has made.
func (w *worker) failed(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		w.cfg.Logger.Warn("reminders wait", "error", err)
	}
}
