package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"flashsale/events/cluster"
)

const (
	// MaxAge is how old a replica may be that answers.
	MaxAge = 5 * time.Second
	// OwnActs is for how long somebody who has acted reads the primary.
	OwnActs = 10 * time.Second
	// ReadTime bounds a read of the replica; the primary is asked when it is over.
	ReadTime = 2 * time.Second
	// Reads is how many reads of the replica there may be at once. Others read the primary.
	Reads = 8

	// lookEvery is the time between two looks at the replica, clockEvery between two at the primary, lookTime bounds one.
	lookEvery  = 250 * time.Millisecond
	clockEvery = time.Second
	lookTime   = time.Second
)

// Config is what a Replica needs. All fields are required but Registerer.
type Config struct {
	// Primary and Standby look at the two servers.
	Primary, Standby func(context.Context) (cluster.Sight, error)
	// Acted says whether somebody has acted within a time before now, as the primary knows it.
	Acted func(ctx context.Context, who string, within time.Duration) (bool, error)
	// Place is where the replica is, without a password.
	Place      string
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Replica is a server that may answer lists and histories. Make one with New, and let it Run: without that it answers nothing. It is
// safe for concurrent use.
type Replica struct {
	cfg   Config
	now   func() time.Time
	reads chan struct{}
	metrics

	mu      sync.Mutex
	primary cluster.Sight // as it was last seen
	asked   time.Time     // when the primary was last asked, by this process' clock; zero: it has never answered
	beat    time.Time     // the newest heartbeat that the replica has shown
	unused  *UnusedError  // what the last look found, but the age; nil: it may answer
	said    Reason        // what the log was told last
}

// New makes a Replica that nobody has looked at yet.
func New(cfg Config) *Replica {
	r := &Replica{cfg: cfg, now: time.Now, reads: make(chan struct{}, Reads), unused: &UnusedError{Reason: Unknown}, said: Unknown}
	r.metrics = newMetrics(cfg.Registerer, r)
	return r
}

// UnusedError says why a replica answers nothing now.
type UnusedError struct {
	Reason Reason
	// Age is how old the replica is that is Behind, zero when it does not have the schema yet.
	Age time.Duration
	// Cause is why the replica is Away. It may have a driver's words.
	Cause error
}

func (e *UnusedError) Error() string {
	switch e.Reason {
	case Away:
		return "it does not answer"
	case Other:
		return "it is no copy of the database that DATABASE_URL names"
	case NoStandby:
		return "it follows no other server"
	case Behind:
		if e.Age == 0 {
			return "it does not have the schema yet"
		}
		return fmt.Sprintf("it is %s behind", e.Age.Round(time.Second))
	case Unknown, OwnAct, Busy, Missing, Conflict, Slow, Failed:
	}
	return "it was not looked at yet"
}

func (e *UnusedError) Unwrap() error { return e.Cause }

// Unused is nil while the replica may answer, and an *UnusedError while it may not.
func (r *Replica) Unused() error {
	if _, unused := r.state(); unused != nil {
		return unused
	}
	return nil
}

// state is how old the replica is now, or why it does not count.
func (r *Replica) state() (age time.Duration, unused *UnusedError) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unused != nil {
		return 0, r.unused
	}
	// The primary's clock was read after it was asked, so that this is no less than the true age.
	age = max(0, r.primary.Now.Add(r.now().Sub(r.asked)).Sub(r.beat))
	if age > MaxAge {
		return age, &UnusedError{Reason: Behind, Age: age}
	}
	return age, nil
}

// OtherError means that the address is that of another database, so that it is a wrong setting.
type OtherError struct{}

func (OtherError) Error() string { return "replica: it is another database" }

// Begin looks at the replica once. The error is an OtherError; a replica that is away, or behind, is none.
func (r *Replica) Begin(ctx context.Context) error {
	r.look(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unused != nil && r.unused.Reason == Other && errors.Is(r.unused.Cause, OtherError{}) {
		return OtherError{}
	}
	return nil
}

// Run looks at the replica, and at the primary's clock, until ctx ends.
func (r *Replica) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		r.look(ctx)
		r.tell()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (r *Replica) look(ctx context.Context) {
	r.lookAtPrimary(ctx)
	asking, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	seen, err := r.cfg.Standby(asking)
	if ctx.Err() != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unused = Judge(r.primary, seen, err)
	if r.asked.IsZero() {
		r.unused = &UnusedError{Reason: Unknown}
	}
	r.beat = seen.Beat
}

// lookAtPrimary reads its clock now and then. One that does not answer keeps the time it had; without its heartbeats the replica becomes
// too old by itself.
func (r *Replica) lookAtPrimary(ctx context.Context) {
	r.mu.Lock()
	due := r.asked.IsZero() || r.now().Sub(r.asked) >= clockEvery
	r.mu.Unlock()
	if !due {
		return
	}
	asking, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	asked := r.now()
	seen, err := r.cfg.Primary(asking)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.primary, r.asked = seen, asked
}

// Judge says why a server may not answer for the primary, but for its age; nil: it may. err is that of the look at the server.
func Judge(primary, seen cluster.Sight, err error) *UnusedError {
	missing := errors.Is(err, cluster.ErrNoSchema)
	switch {
	case err != nil && !missing:
		return &UnusedError{Reason: Away, Cause: err}
	case seen.System != primary.System || seen.Database != primary.Database:
		return &UnusedError{Reason: Other, Cause: OtherError{}}
	case missing:
		return &UnusedError{Reason: Behind}
	case seen.Table != primary.Table: // of a schema that was made anew, and that the replica does not have yet
		return &UnusedError{Reason: Other}
	case !seen.Standby:
		return &UnusedError{Reason: NoStandby}
	}
	return nil
}

// suspect makes a replica that failed answer nothing until the next look.
func (r *Replica) suspect(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unused == nil {
		r.unused = &UnusedError{Reason: Away, Cause: err}
	}
}

// tell logs that lists are read from another server than before.
func (r *Replica) tell() {
	reason := Reason("")
	_, unused := r.state()
	if unused != nil {
		reason = unused.Reason
	}
	r.mu.Lock()
	changed := r.said != reason
	r.said = reason
	r.mu.Unlock()
	switch {
	case !changed || reason == Unknown:
	case unused == nil:
		r.cfg.Logger.Info("lists may be read from the replica", "replica", r.cfg.Place)
	default:
		r.cfg.Logger.Warn("lists are read from the primary, and not from the replica: "+unused.Error(), "replica", r.cfg.Place)
	}
}
