package checkout

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/sale"
)

// The servers that a script can spoil, and the bus between the processes.
const (
	redis    = "redis"
	kafka    = "kafka"
	postgres = "postgres"
	replies  = "replies to commits"
	theBus   = "bus"

	disturbance = "disturbance"
)

// condition is how a server is. The zero value is well.
type condition byte

const (
	well    condition = iota
	refuses           // an error at once, without effect
	silent            // an error after the caller's patience, without effect
	mute              // does what is asked, and the reply is lost
	slow              // answers late
	twice             // the bus: each message comes twice, the second one late
)

// faultPeriod is a time in which a server was ill. It has not ended while to is zero.
type faultPeriod struct {
	how      condition
	from, to time.Time
}

// scriptWorld is several processes before the same servers, on which a script plays.
type scriptWorld struct {
	*memoryServers
	running   sync.WaitGroup
	processes atomic.Pointer[[]*scriptProcess] // replaced as a whole; see all
	began     time.Time

	mu        sync.Mutex
	how       map[string]condition
	spells    map[string][]faultPeriod
	lost      int  // replies to commits still to be lost
	leaks     bool // something happened that may leave places to the reconciler
	saved     keys // the dump that Redis rolls back to
	moments   []moment
	cancelled map[uuid.UUID]time.Time
	answers   []answered
	checked   int                   // answers before this one were looked at
	full      map[int64][]time.Time // when Redis had no place for a shopper
}

// moment is what the ledger says from a time on.
type moment struct {
	at           time.Time
	generation   int64
	state        sale.State
	total, taken int64
}

// scriptProcess is one process and its way to the servers. A dead one reaches none.
type scriptProcess struct {
	*memoryLedger
	*process
	world    *scriptWorld
	number   int
	dead     atomic.Bool
	end      context.CancelFunc
	consumes atomic.Bool
	wake     chan struct{}
	suspects map[int64]doubtful
}

// doubtful is a holder without an order, and where the log ended when he was first seen.
type doubtful struct {
	since time.Time
	end   int64
}

func openScriptWorld(t *testing.T, processes int, units int64) *scriptWorld {
	s := &scriptWorld{
		memoryServers: newMemoryServers(t, units), began: time.Now(), how: make(map[string]condition), spells: make(map[string][]faultPeriod),
		cancelled: make(map[uuid.UUID]time.Time), full: make(map[int64][]time.Time),
	}
	s.log.pause() // the processes bring consumers of their own
	s.names.acts(func(context.Context) error {
		if how := s.condition(postgres); how == refuses || how == silent {
			return errAway
		}
		return nil
	})
	s.places.rooms = make(map[sale.Key]int)
	s.ledger.watch = s.note
	s.ledger.mu.Lock()
	s.note()
	s.ledger.mu.Unlock()
	s.processes.Store(&[]*scriptProcess{})
	for n := range processes {
		more := append(slices.Clone(s.all()), s.start(n))
		s.processes.Store(&more)
	}
	s.all()[0].consumes.Store(true)
	return s
}

// start starts a process: a checkout with what runs beside it.
func (s *scriptWorld) start(number int) *scriptProcess {
	ctx, end := context.WithCancel(context.Background())
	b := &scriptProcess{memoryLedger: s.ledger, world: s, number: number, end: end, wake: make(chan struct{}, 1)}
	d := Deps{
		Store: b, Places: b, Releaser: b, Rebuild: b, Log: b, Direct: b, Cursors: b, Settled: neverSettled, Shoppers: s.names, Lookup: b.lookup,
		Live: func() int { return len(s.all()) }, Logger: slog.New(slog.DiscardHandler),
	}
	d.Catalog = NewCatalog(CatalogConfig{Store: b, Log: b, Logger: d.Logger})
	b.process = &process{New(d)}
	s.running.Go(func() { _ = b.catalog.Run(ctx) })
	s.running.Go(func() { _ = b.Run(ctx) })
	s.running.Go(func() { b.consume(ctx) })
	s.running.Go(func() { b.reconcile(ctx) })
	return b
}

// restart kills a process and starts another in its place. Nobody hears an answer of the old one any more.
func (s *scriptWorld) restart(number int) {
	old := s.all()[number]
	old.dead.Store(true)
	old.end()
	next := s.start(number)
	next.consumes.Store(old.consumes.Load())
	others := slices.Clone(s.all())
	others[number] = next
	s.processes.Store(&others)
}

// all are the processes as they are now.
func (s *scriptWorld) all() []*scriptProcess { return *s.processes.Load() }

func (s *scriptWorld) leave() {
	for _, b := range s.all() {
		b.end()
	}
	s.running.Wait()
}

// turn changes how a server is.
func (s *scriptWorld) turn(server string, how condition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.spells[server]
	if s.how[server] != well {
		all[len(all)-1].to = time.Now()
	}
	if how != well {
		all = append(all, faultPeriod{how: how, from: time.Now()})
	}
	s.how[server], s.spells[server] = how, all
	s.leaks = s.leaks || how != well && server != theBus
}

// condition is how the server is, and how much slower than usual.
func (s *scriptWorld) condition(server string) condition {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.how[server]
}

// sick is true when the server was not well at some time in between.
func (s *scriptWorld) sick(server string, from, to time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sp := range s.spells[server] {
		if !sp.from.After(to) && (sp.to.IsZero() || !sp.to.Before(from)) {
			return true
		}
	}
	return false
}

// note remembers what the ledger says now. The caller has locked the ledger.
func (s *scriptWorld) note() {
	row := &s.ledger.row
	level := s.ledger.step.Levels[row.Key]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moments = append(s.moments, moment{time.Now(), row.Generation, row.State, level.Total, level.Taken})
}

// loseReply is true when the reply to this commit is to be lost.
func (s *scriptWorld) loseReply() bool {
	s.mu.Lock()
	lost := s.lost
	s.lost = max(0, lost-1)
	s.mu.Unlock()
	if lost == 1 {
		s.turn(replies, well)
	}
	return lost > 0
}

// patience is how long a caller waits for a server that is silent, when its context does not say.
func patienceWith(server string) time.Duration {
	if server == redis {
		return 200 * time.Millisecond
	}
	return 2 * time.Second
}

// ask takes a question to a server: the way there, the effect, the way back, each in a time of its own.
func (b *scriptProcess) ask(ctx context.Context, server, what string, user int64, effect func()) error {
	how := b.world.condition(server)
	ctx, cancel := context.WithTimeout(ctx, patienceWith(server))
	defer cancel()
	way := b.way(server, what, user)
	switch how {
	case refuses:
		return errAway
	case silent:
		return hangs(ctx)
	case slow:
		way += 90 * time.Millisecond
	case well, mute, twice:
	}
	if err := rest(ctx, way); err != nil || b.dead.Load() {
		return errAway
	}
	effect()
	if err := rest(ctx, way); err != nil || how == mute || b.dead.Load() {
		return errAway
	}
	return nil
}

// way is half of the time that a question takes. No two kinds of question take the same, so that who comes first does
// not depend on how goroutines are scheduled, and a script plays the same each time.
func (b *scriptProcess) way(server, what string, user int64) time.Duration {
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, server, what, user, b.number)
	return time.Millisecond + time.Duration(h.Sum32()%1_000_003)
}

func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Postgres, as the process sees it.

func (b *scriptProcess) Verdicts(ctx context.Context, ids []uuid.UUID) (found []events.Verdict, err error) {
	err = b.ask(ctx, postgres, "verdicts", 0, func() { found, _ = b.memoryLedger.Verdicts(ctx, ids) })
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (b *scriptProcess) LiveReceipts(ctx context.Context, k sale.Key, users []int64) (found []sale.Receipt, err error) {
	err = b.ask(ctx, postgres, "receipts", users[0], func() { found, _ = b.memoryLedger.LiveReceipts(ctx, k, users) })
	return found, err
}

func (b *scriptProcess) lookup(ctx context.Context, k sale.Key, user int64) (sale.Receipt, error) {
	found, err := b.LiveReceipts(ctx, k, []int64{user})
	if err != nil {
		return sale.Receipt{}, err
	}
	return found[0], nil
}

func (b *scriptProcess) OrdersSince(ctx context.Context, k sale.Key, revision int64) (changed []sale.OrderRow, err error) {
	err = b.ask(ctx, postgres, "orders", 0, func() { changed, _ = b.memoryLedger.OrdersSince(ctx, k, revision) })
	if err != nil {
		return nil, err
	}
	return changed, nil
}

func (b *scriptProcess) ReadChanges(ctx context.Context, known map[int64]sale.Key, versions map[int64]int64) (n sale.Changes, err error) {
	asked := time.Now()
	err = b.ask(ctx, postgres, "look", 0, func() { n, _ = b.memoryLedger.ReadChanges(ctx, known, versions) })
	n.Asked, n.AnsweredAt = asked, time.Now()
	return n, err
}

func (b *scriptProcess) Advance(context.Context, string) (bool, error) { return false, nil }
func (b *scriptProcess) DigestNext(context.Context) (bool, error)      { return true, nil }

// Cursor takes no time: presses wait for each other's question by a mutex, and the clock stands still meanwhile.
func (b *scriptProcess) Cursor(ctx context.Context, partition int) (int64, time.Time, error) {
	if b.world.condition(postgres) != well || b.dead.Load() {
		return 0, time.Time{}, errAway
	}
	return b.memoryLedger.Cursor(ctx, partition)
}

// Decide is the direct path. A commit whose reply is lost is tried a second time.
func (b *scriptProcess) Decide(ctx context.Context, c events.Claim) (events.Verdict, error) {
	for range 2 {
		var d events.Decision
		if err := b.ask(ctx, postgres, "direct", c.UserID, func() { d = b.rule(events.Direct, c) }); err != nil {
			return events.Verdict{}, err
		}
		if !b.world.loseReply() {
			b.decided(d)
			return d.Verdicts[0], nil
		}
	}
	return events.Verdict{}, errAway
}

// decided tells this process of a decision, and over the bus the others.
func (b *scriptProcess) decided(d events.Decision) {
	b.Decided(d)
	payload, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	how := b.world.condition(theBus)
	for _, other := range b.world.all() {
		if other == b || how == refuses {
			continue
		}
		way := b.way(theBus, "verdicts", int64(other.number))
		b.world.after(way, func() { other.hear(payload) })
		if how == twice {
			b.world.after(way+80*time.Millisecond, func() { other.hear(payload) })
		}
	}
}

func (s *scriptWorld) after(d time.Duration, do func()) {
	s.running.Go(func() { time.Sleep(d); do() })
}
