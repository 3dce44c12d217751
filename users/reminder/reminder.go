package reminder

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/users"
	"flashsale/views/text"
)

var (
	// ErrOff means that nothing here sends mails.
	ErrOff = errors.New("reminder: nothing here sends mails")
	// ErrNoAddress means that the account has no address that its owner has verified.
	ErrNoAddress = errors.New("reminder: the account has no verified address")
)

const (
	// Ahead is how long before the start a mail goes.
	Ahead = 10 * time.Minute
	// earliest is how long before the start the first mails go when there are very many.
	earliest = time.Hour
	// perSecond is the pace of all processes together.
	perSecond = 100
)

// State is how a reminder stands for the present start of its sale.
type State string

// None was asked for, or one waits, or its mail was sent.
const (
	None    State = "none"
	Waiting State = "waiting"
	Sent    State = "sent"
)

// Sale is what a reminder has to know of one.
type Sale struct {
	ID         int64
	Slug, Name string
	// Starts is the start, and Now the time, both by Postgres' clock.
	Starts, Now time.Time
	// Announced is true while the sale is going to start. A sale that was closed, is paused or is not known well enough is not announced.
	Announced bool
}

// Mail is one mail that is to be sent.
type Mail struct {
	To, Subject, Text string
	// Until is when it is of no use any more.
	Until time.Time
}

// mailer takes mails and returns at once.
type mailer interface {
	Send(m Mail) error
	// Waiting is how many mails are not delivered yet, other ones too.
	Waiting() int
}

// Config is what Reminders need beside the pool.
type Config struct {
	// Mail takes the mails. Nil: there are no reminders.
	Mail mailer
	// Accounts have the addresses. Required.
	Accounts *users.Store
	// Sales are all sales as this process knows them now. Required to Run.
	Sales func() []Sale
	// Processes is how many share the pace. Nil: this is the only one.
	Processes func() int
	// Shop is the address of the shop, without a path. Links begin with it.
	Shop string
	// PerSecond is the pace of all processes together. 0 means 100.
	PerSecond int
	// Logger is told of what failed. Nil: nobody is.
	Logger *slog.Logger
	// Registerer takes the metrics; nil: they are counted but not registered.
	Registerer prometheus.Registerer
}

// Reminders keep who wants a mail before a sale starts, and send it while Run runs. They are safe for concurrent use, by several
// processes too.
type Reminders struct {
	store   store
	cfg     Config
	metrics *metrics
}

// New makes Reminders in a pool whose search_path is the schema of the migrations.
func New(pool *pgxpool.Pool, cfg Config) *Reminders {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Processes == nil {
		cfg.Processes = func() int { return 1 }
	}
	if cfg.PerSecond == 0 {
		cfg.PerSecond = perSecond
	}
	return &Reminders{store: store{pool}, cfg: cfg, metrics: newMetrics(cfg.Registerer)}
}

// On is true when reminders can be sent.
func (r *Reminders) On() bool { return r.cfg.Mail != nil }

// Ask keeps that the account wants a mail in that language before the sale starts. Asked again it changes nothing, but for one thing: after
// a mail about another start than the present one a new mail will come. It fails with ErrOff or ErrNoAddress.
func (r *Reminders) Ask(ctx context.Context, sale int64, starts time.Time, account int64, in text.Language) error {
	if !r.On() {
		return ErrOff
	}
	who, err := r.cfg.Accounts.ReachableID(ctx, account)
	switch {
	case err != nil:
		return err
	case !reachable(who):
		return ErrNoAddress
	}
	return r.store.add(ctx, sale, starts, account, in.Code())
}

// Stop takes a reminder back. One whose mail was sent stays as it is, so that whoever presses again and again gets one mail.
func (r *Reminders) Stop(ctx context.Context, sale, account int64) error {
	return r.store.remove(ctx, sale, account)
}

// Start is a sale with its present start.
type Start struct {
	Sale int64
	At   time.Time
}

// States are how the reminders of these accounts stand, in the same order.
func (r *Reminders) States(ctx context.Context, of Start, accounts []int64) ([]State, error) {
	found, err := r.store.states(ctx, of, accounts)
	if err != nil {
		return nil, err
	}
	states := make([]State, len(accounts))
	for i, account := range accounts {
		if states[i] = None; found[account] != "" {
			states[i] = found[account]
		}
	}
	return states, nil
}

// reachable is true for an account to whose address anything may be sent.
func reachable(who users.Reach) bool {
	return who.ID != 0 && who.Verified && !who.Archived && who.Email != ""
}
