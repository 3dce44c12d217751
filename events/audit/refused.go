package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/events"
)

const (
	// refusedEach is how many refusals of one principal are recorded within refusedWindow; the rest become one summary.
	refusedEach   = 10
	refusedWindow = time.Minute
	// refusedQueue bounds the records that wait to be written, refusedPrincipals those who are counted at the same time.
	refusedQueue      = 256
	refusedPrincipals = 1024
	// refusedTime bounds the writing of one record, refusedEnd that of all that are left when the process ends.
	refusedTime = 3 * time.Second
	refusedEnd  = 2 * time.Second
	// refusedText bounds what a record says, in bytes.
	refusedText = 200
)

// Who is the principal of a request. Principals with the same actor and means are the same one, wherever they are.
type Who struct{ Actor, Network, Means string }

// Refusal is an act that was refused.
type Refusal struct {
	Who
	// What is the act, as the route table has it, and Why the kind of problem.
	What, Why string
	// Sale, Order and Shopper are what the address of the request named; empty: it named none.
	Sale, Order, Shopper string
	// Field is the field of the request that was wrong; empty: it was not that.
	Field string
	// Seen is the revision that the act was meant for, and Present the one that there was, when that is why.
	Seen    string
	Present int64
}

// detail is what the log says of a refusal.
func (f *Refusal) detail() map[string]any {
	d := map[string]any{"why": clip(f.Why)}
	for name, value := range map[string]string{"sale": f.Sale, "order": f.Order, "shopper": f.Shopper, "field": f.Field, "seen": f.Seen} {
		if value = clip(value); value != "" {
			d[name] = value
		}
	}
	if f.Present != 0 {
		d["present"] = f.Present
	}
	return d
}

// Refused is the action of entries about refused acts.
const Refused = "act.refused"

// Refusals keeps in the audit log which acts of signed-in operators and of tokens were refused. Each record is a transaction of its
// own, because the act has none. Of one principal at most ten are recorded a minute, and then one summary says how many more there
// were, so that nobody fills the log or keeps the database busy with refusals.
//
// Note never waits. What does not fit into its bounded memory is dropped and counted by a metric.
type Refusals struct {
	log     *Log
	logger  *slog.Logger
	now     func() time.Time
	metric  *prometheus.CounterVec
	records chan Entry

	mu sync.Mutex
	// seen has the principals of the current windows.
	seen map[principal]*refusedCount // guarded by mu
}

// principal is whose refusals are counted together.
type principal struct{ actor, means string }

// refusedCount is one window of a principal.
type refusedCount struct {
	network string
	since   time.Time
	noted   int
	// more are those that are not recorded one by one.
	more int
}

// NewRefusals makes the record of refused acts. Its Run writes them. The registry may be nil.
func NewRefusals(log *Log, logger *slog.Logger, reg prometheus.Registerer) *Refusals {
	return &Refusals{
		log: log, logger: logger, now: time.Now, records: make(chan Entry, refusedQueue), seen: make(map[principal]*refusedCount),
		metric: events.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "flashsale_audit_refusals_total",
			Help: "Refused acts of signed-in operators and tokens: recorded one by one, summed up in one record, or dropped.",
		}, []string{"outcome"})),
	}
}

// Note says that an act was refused.
func (r *Refusals) Note(f Refusal) {
	switch r.count(f.Who) {
	case full:
		r.metric.WithLabelValues("dropped").Inc()
	case summed:
		r.metric.WithLabelValues("summed").Inc()
	case alone:
		r.put(Entry{
			Actor: clip(f.Actor), Network: clip(f.Network), Means: clip(f.Means), Action: Refused, Subject: clip(f.What), Detail: f.detail(),
		})
	}
}

// counted is how a refusal is kept.
type counted int

const (
	alone  counted = iota // as a record of its own
	summed                // in a summary
	full                  // not at all
)

func (r *Refusals) count(who Who) counted {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := principal{clip(who.Actor), clip(who.Means)}
	c := r.seen[key]
	if c == nil {
		if len(r.seen) >= refusedPrincipals {
			return full
		}
		c = &refusedCount{network: clip(who.Network), since: r.now()}
		r.seen[key] = c
	}
	if c.noted < refusedEach {
		c.noted++
		return alone
	}
	c.more++
	return summed
}

// put hands a record to Run, unless too many wait.
func (r *Refusals) put(e Entry) {
	select {
	case r.records <- e:
	default:
		r.metric.WithLabelValues("dropped").Inc()
	}
}

// Run writes the records until ctx ends, and then those that are left.
func (r *Refusals) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	whole := context.WithoutCancel(ctx) // a record that was taken from the queue is written
	for {
		select {
		case <-ctx.Done():
			r.finish(whole)
			return ctx.Err()
		case e := <-r.records:
			r.write(whole, e)
		case <-tick.C:
			for _, e := range r.summaries(r.now().Add(-refusedWindow)) {
				r.write(whole, e)
			}
		}
	}
}

// finish writes what waits, and the summaries of windows that have not ended.
func (r *Refusals) finish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, refusedEnd)
	defer cancel()
	for {
		select {
		case e := <-r.records:
			r.write(ctx, e)
			continue
		default:
		}
		break
	}
	for _, e := range r.summaries(r.now()) {
		r.write(ctx, e)
	}
}

// summaries ends the windows that began until then.
func (r *Refusals) summaries(began time.Time) []Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Entry
	for who, c := range r.seen {
		if c.since.After(began) {
			continue
		}
		delete(r.seen, who)
		if c.more > 0 {
			all = append(all, Entry{Actor: who.actor, Network: c.network, Means: who.means, Action: Refused,
				Subject: fmt.Sprintf("%d more refused", c.more), Detail: map[string]any{"more": c.more, "since": c.since.UTC()}})
		}
	}
	return all
}

func (r *Refusals) write(ctx context.Context, e Entry) {
	ctx, cancel := context.WithTimeout(ctx, refusedTime)
	defer cancel()
	err := pgx.BeginFunc(ctx, r.log.pool, func(tx pgx.Tx) error { return r.log.RecordTx(ctx, tx, e) })
	if err == nil {
		r.metric.WithLabelValues("recorded").Inc()
		return
	}
	r.metric.WithLabelValues("dropped").Inc()
	if !errors.Is(err, context.Canceled) {
		r.logger.Warn("a refused act is not in the audit log", "actor", e.Actor, "action", e.Subject, "error", err)
	}
}

// clip bounds a text, and leaves out what is no text to the database.
func clip(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s[:min(len(s), refusedText)], ""), "\x00", "")
}
