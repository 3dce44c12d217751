// Package figures keeps what operators watch while a sale runs: what all processes of a deployment count, second by second, for
// fifteen minutes.
//
// Once a second each process reads its own metrics and tells the others. Counters travel as they stand and not as differences, so a
// message that is lost costs nothing but a second's detail. Each process adds up what all of them counted since its last look: so
// every one can answer for all, and what operators ask costs no shopper anything, however many of them ask.
//
// The package knows nothing of sales: what it is to read, and how messages travel, is given to it.
package figures

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// every is how often processes count.
	every = time.Second
	// Kept is how many seconds are kept.
	Kept = 15 * 60
	// aliveFor is how long a process counts after its last message.
	aliveFor = 4 * time.Second
	// most is how many processes are told apart; messages of more are passed over.
	most = 1000
	// window is over how many seconds rates and quantiles of the present are taken.
	window = 10
)

// Sale is what a process knows of a sale at the moment.
type Sale struct {
	ID, Generation, Total, Taken int64
}

// Config is what a Keeper needs. All fields but Claims and Logger are required.
type Config struct {
	// Process names this process, Version is that of its program.
	Process, Version string
	// Metrics are what From has.
	Metrics Metrics
	From    prometheus.Gatherer
	// Servers are those that the process needs.
	Servers func() []Server
	// Sales are those on which something is sold.
	Sales func() []Sale
	// Claims are those of this process that wait for their verdict, the ones known longest first; most is how many are wanted. Nil: none
	// are told.
	Claims func(most int) []Claim
	// Publish tells the other processes; it never waits. They hand it to their Take.
	Publish func(text []byte)
	// Logger is slog.Default when nil.
	Logger *slog.Logger
}

// Keeper keeps the figures. Make one with New and keep it going with Run. Safe for concurrent use.
type Keeper struct {
	cfg   Config
	began time.Time

	mu        sync.Mutex
	processes map[string]*process
	seconds   []Second // the newest last
	ticked    chan struct{}
	ticks     int64
}

// process is what was last heard of one.
type process struct {
	Count
	heard time.Time
	// counted is what was added up already.
	counted Count
}

// Second is what all processes did within one second.
type Second struct {
	At time.Time
	// Answers and Times are as in Count, but of this second alone.
	Answers map[string]int64
	Times   []int64
	// The others are as at its end, over all processes.
	Undecided, Streams int64
	Sales              map[int64]Level
}

// Level is a sale at the end of a second.
type Level struct{ Generation, Total, Taken, Pending int64 }

// New makes a Keeper that knows nothing yet.
func New(cfg Config) *Keeper {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Keeper{cfg: cfg, began: time.Now().UTC(), processes: map[string]*process{}, ticked: make(chan struct{})}
}

// Run counts once a second until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	failing := false
	for {
		err := k.count(time.Now())
		if err != nil && !failing {
			k.cfg.Logger.Warn("the figures of this process cannot be read", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// count reads this process, tells the others, and adds up the second.
func (k *Keeper) count(now time.Time) error {
	own, err := k.cfg.Metrics.read(k.cfg.From)
	if err == nil {
		own.Process, own.Began, own.Version, own.Servers = k.cfg.Process, k.began, k.cfg.Version, k.cfg.Servers()
		if k.cfg.Claims != nil {
			own.Claims = k.cfg.Claims(mostClaims)
		}
		k.hear(own, now)
		if text, err := json.Marshal(own); err == nil {
			k.cfg.Publish(text)
		}
	}
	k.addUp(now)
	return err
}

// Take hears what another process published. What cannot be read is passed over.
func (k *Keeper) Take(text []byte) {
	var c Count
	if err := json.Unmarshal(text, &c); err != nil || c.Process == "" || c.Process == k.cfg.Process {
		return
	}
	k.hear(c, time.Now())
}

func (k *Keeper) hear(c Count, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.processes[c.Process]
	if p == nil {
		if len(k.processes) >= most {
			return
		}
		// What it counted before nobody here can give to a second.
		p = &process{counted: c}
		k.processes[c.Process] = p
	}
	p.Count, p.heard = c, now
}

// addUp makes the newest second of what was heard since the last one.
func (k *Keeper) addUp(now time.Time) {
	sales := k.cfg.Sales()
	k.mu.Lock()
	defer k.mu.Unlock()
	s := Second{At: now.UTC(), Answers: map[string]int64{}, Sales: make(map[int64]Level, len(sales))}
	holders := map[int64]int64{}
	for name, p := range k.processes {
		answers, times := p.since(&p.counted)
		for outcome, n := range answers {
			s.Answers[outcome] += n
		}
		s.Times = Add(s.Times, times)
		p.counted = p.Count
		if now.Sub(p.heard) > aliveFor {
			delete(k.processes, name)
			continue
		}
		s.Undecided += p.Undecided
		s.Streams += p.Streams
		for id, n := range p.Holders {
			holders[id] = max(holders[id], n)
		}
	}
	for _, one := range sales {
		pending := min(max(0, holders[one.ID]-one.Taken), one.Total-one.Taken)
		s.Sales[one.ID] = Level{one.Generation, one.Total, one.Taken, max(0, pending)}
	}
	k.seconds = append(k.seconds, s)
	if len(k.seconds) > Kept {
		k.seconds = slices.Delete(k.seconds, 0, len(k.seconds)-Kept)
	}
	k.ticks++
	close(k.ticked)
	k.ticked = make(chan struct{})
}

// Next is closed with the next second; number is that of the newest.
func (k *Keeper) Next() (next <-chan struct{}, number int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ticked, k.ticks
}

// Seconds are what is kept, the oldest first. Nobody changes what is in them.
func (k *Keeper) Seconds() []Second {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.seconds)
}

// Present is how all processes stand.
type Present struct {
	// At is the end of the newest second; zero when there is none yet.
	At time.Time
	// Processes are those that live, the oldest first.
	Processes []Count
	// Answers and Rate are of the last ten seconds: by outcome, and all of them a second.
	Answers map[string]int64
	Rate    float64
	// P50, P95 and P99 are the times that answers of the last ten seconds took, in seconds; Timed is false without answers.
	P50, P95, P99 float64
	Timed         bool
	// The others are over all processes, UndecidedAge and OutboxAge the greatest of them.
	Undecided, Streams, Unpublished int64
	UndecidedAge, OutboxAge         float64
	Lag                             map[int]int64
}

// Present adds up how all processes stand.
func (k *Keeper) Present() Present {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := Present{Answers: map[string]int64{}, Lag: map[int]int64{}}
	var bounds []float64
	for _, one := range k.processes {
		p.Processes = append(p.Processes, one.Count)
		p.Undecided += one.Undecided
		p.Streams += one.Streams
		p.Unpublished = max(p.Unpublished, one.Unpublished)
		p.UndecidedAge, p.OutboxAge = max(p.UndecidedAge, one.UndecidedAge), max(p.OutboxAge, one.OutboxAge)
		for partition, n := range one.Lag {
			p.Lag[partition] = max(p.Lag[partition], n)
		}
		if len(one.Bounds) > 0 {
			bounds = one.Bounds
		}
	}
	slices.SortFunc(p.Processes, func(a, b Count) int { return a.Began.Compare(b.Began) })
	var times []int64
	all := int64(0)
	last := k.seconds[max(0, len(k.seconds)-window):]
	for _, s := range last {
		for outcome, n := range s.Answers {
			p.Answers[outcome] += n
			all += n
		}
		times = Add(times, s.Times)
	}
	if len(last) > 0 {
		p.At, p.Rate = last[len(last)-1].At, float64(all)/float64(len(last))
	}
	p.P50, p.Timed = Quantile(0.5, times, bounds)
	p.P95, _ = Quantile(0.95, times, bounds)
	p.P99, _ = Quantile(0.99, times, bounds)
	return p
}

// Level is the sale as at the end of the newest second, and how many units a second were sold over the last ten seconds.
func (k *Keeper) Level(sale int64) (l Level, sold float64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := len(k.seconds)
	if n == 0 {
		return l, 0
	}
	l = k.seconds[n-1].Sales[sale]
	for back := min(window, n-1); back > 0; back-- {
		if was, known := k.seconds[n-1-back].Sales[sale]; known {
			return l, float64(l.SoldSince(was)) / float64(back)
		}
	}
	return l, 0
}

// SoldSince is how many units were sold after an earlier Level of the same sale. A generation begins with nothing sold.
func (l Level) SoldSince(was Level) int64 {
	if l.Generation != was.Generation {
		return l.Taken
	}
	return max(0, l.Taken-was.Taken)
}

// Sum adds up answers by outcome.
func Sum(of []Second) map[string]int64 {
	all := map[string]int64{}
	for _, s := range of {
		for outcome := range maps.Keys(s.Answers) {
			all[outcome] += s.Answers[outcome]
		}
	}
	return all
}
