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

// What a script can put into another condition: the servers, the replies to commits, and the messages between the processes.
const (
	redis    = "redis"
	kafka    = "kafka"
	postgres = "postgres"
	replies  = "replies to commits"
	messages = "messages"
)

// disturbance is a fault that is over at once, and that no server has: see noteDisturbance.
const disturbance = "disturbance"

// condition is how a server answers.
type condition byte

const (
	working      condition = iota
	refuses                // an error at once, without effect
	silent                 // an error when the caller's time is over, without effect
	losesReplies           // does what is asked, and the reply is lost
	slow                   // answers late
	repeats                // of messages: each comes a second time, later
)

// faultPeriod is a time in which a server was not working. It has not ended while to is zero.
type faultPeriod struct {
	how      condition
	from, to time.Time
}

// scriptWorld is what a script plays on: several processes that share the simulated servers.
type scriptWorld struct {
	*simulatedServers
	running   sync.WaitGroup
	processes atomic.Pointer[[]*scriptProcess] // replaced as a whole; see all
	began     time.Time

	mu        sync.Mutex
	how       map[string]condition
	periods   map[string][]faultPeriod
	lost      int  // how many replies to commits are still to be lost
	unplaced  bool // something happened after which the reconciler may have to free places
	saved     keys // the dump of Redis
	moments   []moment
	cancelled map[uuid.UUID]time.Time
	answers   []answered
	checked   int                   // how many answers were checked
	full      map[int64][]time.Time // when Redis had no place for a shopper
}

// moment is what the ledger says from a time on.
type moment struct {
	at           time.Time
	generation   int64
	state        sale.State
	total, taken int64
}

// scriptProcess is one process, and all servers as it reaches them. One that was killed reaches none.
type scriptProcess struct {
	*simulatedLedger
	*process
	world    *scriptWorld
	number   int
	dead     atomic.Bool
	end      context.CancelFunc
	consumes atomic.Bool
	wake     chan struct{}
	suspects map[int64]suspectHolder
}

// suspectHolder is a holder without an order: when that was first seen, and where the log ended then.
type suspectHolder struct {
	since time.Time
	end   int64
}

func newScriptWorld(t *testing.T, processes int, units int64) *scriptWorld {
	s := &scriptWorld{
		simulatedServers: newSimulatedServers(t, units), began: time.Now(), how: make(map[string]condition), periods: make(map[string][]faultPeriod),
		cancelled: make(map[uuid.UUID]time.Time), full: make(map[int64][]time.Time),
	}
	s.log.pauseConsumer() // each process has a consumer of its own
	s.accounts.acts(func(context.Context) error {
		if how := s.condition(postgres); how == refuses || how == silent {
			return errAway
		}
		return nil
	})
	s.places.limits = make(map[sale.Key]int)
	s.ledger.onChange = s.noteLedger
	s.ledger.mu.Lock()
	s.noteLedger()
	s.ledger.mu.Unlock()
	s.processes.Store(&[]*scriptProcess{})
	for n := range processes {
		more := append(slices.Clone(s.all()), s.start(n))
		s.processes.Store(&more)
	}
	s.all()[0].consumes.Store(true)
	return s
}

// start starts a process: catalog, checkout, consumer and reconciler.
func (s *scriptWorld) start(number int) *scriptProcess {
	ctx, end := context.WithCancel(context.Background())
	p := &scriptProcess{simulatedLedger: s.ledger, world: s, number: number, end: end, wake: make(chan struct{}, 1)}
	d := Deps{
		Store: p, Places: p, Releaser: p, Rebuild: p, Log: p, Direct: p, Cursors: p, Settled: neverSettled, Shoppers: s.accounts, Lookup: p.lookup,
		Live: func() int { return len(s.all()) }, Logger: slog.New(slog.DiscardHandler),
	}
	d.Catalog = NewCatalog(CatalogConfig{Store: p, Log: p, Logger: d.Logger})
	p.process = &process{New(d)}
	s.running.Go(func() { _ = p.catalog.Run(ctx) })
	s.running.Go(func() { _ = p.Run(ctx) })
	s.running.Go(func() { p.consume(ctx) })
	s.running.Go(func() { p.reconcile(ctx) })
	return p
}

// restart kills a process and starts another in its place. Answers of the old one reach nobody from then on.
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

func (s *scriptWorld) stop() {
	for _, p := range s.all() {
		p.end()
	}
	s.running.Wait()
}

// setCondition changes how a server answers.
func (s *scriptWorld) setCondition(server string, how condition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.periods[server]
	if s.how[server] != working {
		all[len(all)-1].to = time.Now()
	}
	if how != working {
		all = append(all, faultPeriod{how: how, from: time.Now()})
	}
	s.how[server], s.periods[server] = how, all
	s.unplaced = s.unplaced || how != working && server != messages
}

// condition is how the server answers now.
func (s *scriptWorld) condition(server string) condition {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.how[server]
}

// faulty is true when the server was not working at some time in between.
func (s *scriptWorld) faulty(server string, from, to time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.periods[server] {
		if !f.from.After(to) && (f.to.IsZero() || !f.to.Before(from)) {
			return true
		}
	}
	return false
}

// noteLedger keeps what the ledger says now. The caller has locked the ledger.
func (s *scriptWorld) noteLedger() {
	row := &s.ledger.row
	level := s.ledger.state.Levels[row.Key]
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
		s.setCondition(replies, working)
	}
	return lost > 0
}

// timeoutOf is how long a caller waits for a silent server at most.
func timeoutOf(server string) time.Duration {
	if server == redis {
		return 200 * time.Millisecond
	}
	return 2 * time.Second
}

// ask takes a question to a server. The question travels, has its effect, and the answer travels back.
func (p *scriptProcess) ask(ctx context.Context, server, what string, user int64, effect func()) error {
	how := p.world.condition(server)
	ctx, cancel := context.WithTimeout(ctx, timeoutOf(server))
	defer cancel()
	travel := p.travelTime(server, what, user)
	switch how {
	case refuses:
		return errAway
	case silent:
		return hangs(ctx)
	case slow:
		travel += 90 * time.Millisecond
	case working, losesReplies, repeats:
	}
	if err := wait(ctx, travel); err != nil || p.dead.Load() {
		return errAway
	}
	effect()
	if err := wait(ctx, travel); err != nil || how == losesReplies || p.dead.Load() {
		return errAway
	}
	return nil
}

// travelTime is half of the time that a question takes. No two kinds of question take the same, so the order of arrival does
// not depend on how goroutines are scheduled, and a script plays the same each time.
func (p *scriptProcess) travelTime(server, what string, user int64) time.Duration {
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, server, what, user, p.number)
	return time.Millisecond + time.Duration(h.Sum32()%1_000_003)
}

// The ledger, as the process reaches it.

func (p *scriptProcess) Verdicts(ctx context.Context, ids []uuid.UUID) (found []events.Verdict, err error) {
	err = p.ask(ctx, postgres, "verdicts", 0, func() { found, _ = p.simulatedLedger.Verdicts(ctx, ids) })
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (p *scriptProcess) LiveReceipts(ctx context.Context, k sale.Key, users []int64) (found []sale.Receipt, err error) {
	err = p.ask(ctx, postgres, "receipts", users[0], func() { found, _ = p.simulatedLedger.LiveReceipts(ctx, k, users) })
	return found, err
}

func (p *scriptProcess) lookup(ctx context.Context, k sale.Key, user int64) (sale.Receipt, error) {
	found, err := p.LiveReceipts(ctx, k, []int64{user})
	if err != nil {
		return sale.Receipt{}, err
	}
	return found[0], nil
}

func (p *scriptProcess) OrdersSince(ctx context.Context, k sale.Key, revision int64) (changed []sale.OrderRow, err error) {
	err = p.ask(ctx, postgres, "orders", 0, func() { changed, _ = p.simulatedLedger.OrdersSince(ctx, k, revision) })
	if err != nil {
		return nil, err
	}
	return changed, nil
}

func (p *scriptProcess) ReadChanges(ctx context.Context, known map[int64]sale.Key, versions map[int64]int64) (n sale.Changes, err error) {
	asked := time.Now()
	err = p.ask(ctx, postgres, "changes", 0, func() { n, _ = p.simulatedLedger.ReadChanges(ctx, known, versions) })
	n.Asked, n.AnsweredAt = asked, time.Now()
	return n, err
}

// Cursor takes no time: the requests that wait for the answer wait for a mutex, and the clock stands still meanwhile.
func (p *scriptProcess) Cursor(ctx context.Context, partition int) (int64, time.Time, error) {
	if p.world.condition(postgres) != working || p.dead.Load() {
		return 0, time.Time{}, errAway
	}
	return p.simulatedLedger.Cursor(ctx, partition)
}

// Decide is the direct path. A decision whose reply to the commit is lost is made a second time.
func (p *scriptProcess) Decide(ctx context.Context, c events.Claim) (events.Verdict, error) {
	for range 2 {
		var d events.Decision
		if err := p.ask(ctx, postgres, "direct", c.UserID, func() { d = p.decide(events.Direct, c) }); err != nil {
			return events.Verdict{}, err
		}
		if !p.world.loseReply() {
			p.tellAll(d)
			return d.Verdicts[0], nil
		}
	}
	return events.Verdict{}, errAway
}

// tellAll gives a decision to this process, and over the bus to the others.
func (p *scriptProcess) tellAll(d events.Decision) {
	p.Decided(d)
	payload, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	how := p.world.condition(messages)
	for _, other := range p.world.all() {
		if other == p || how == refuses {
			continue
		}
		travel := p.travelTime(messages, "verdicts", int64(other.number))
		p.world.after(travel, func() { other.receiveText(payload) })
		if how == repeats {
			p.world.after(travel+80*time.Millisecond, func() { other.receiveText(payload) })
		}
	}
}

func (s *scriptWorld) after(d time.Duration, do func()) {
	s.running.Go(func() { time.Sleep(d); do() })
}
