package mail

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// ErrFull means that too many mails wait. The mail was not taken.
var ErrFull = errors.New("mail: too many mails wait")

// Config is what a Sender needs.
type Config struct {
	// Server takes the mails. Nil: they go nowhere but to the Mailbox.
	Server *Server
	// From is the sender: an address, or a name and an address in angle brackets. Required with a Server.
	From string
	// Mailbox keeps the last mails for developers. Nil: none are kept.
	Mailbox *Mailbox
	// Logger is told of mails that could not be delivered. Nil: nobody is.
	Logger *slog.Logger
	// Room is how many mails may wait. 0 means 2,000.
	Room int
}

const (
	defaultRoom = 2_000
	// workers is how many connections to the server there are at most.
	workers = 4
	// idleTime is how long a connection stays open for the next mail.
	idleTime = 3 * time.Second
)

// Sender delivers mails. It is safe for concurrent use. Mails are delivered while Run runs.
type Sender struct {
	cfg     Config
	queue   *queue
	metrics *metrics
}

// NewSender makes a Sender. It connects to nothing.
func NewSender(cfg Config) *Sender {
	if cfg.Room == 0 {
		cfg.Room = defaultRoom
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Sender{cfg: cfg, queue: newQueue(cfg.Room)}
	s.metrics = newMetrics(s.queue)
	return s
}

// Send takes a mail and returns at once. It fails with ErrMessage or ErrFull; what happens to the mail later, nobody is told.
func (s *Sender) Send(m Message) error {
	if err := m.check(); err != nil {
		return err
	}
	if s.cfg.Mailbox != nil {
		s.cfg.Mailbox.keep(m)
	}
	if s.cfg.Server == nil {
		s.metrics.count(kept)
		return nil
	}
	now := time.Now()
	if m.Until.IsZero() {
		m.Until = now.Add(patience)
	}
	if !s.queue.add(entry{Message: m, due: now}) {
		s.metrics.count(full)
		return ErrFull
	}
	return nil
}

// Full is true while Send would fail with ErrFull. Whoever must answer alike, whether a mail is sent or not, asks before.
func (s *Sender) Full() bool { return s.cfg.Server != nil && s.queue.full() }

// Waiting is how many mails are not delivered yet. Whoever sends many that are less urgent than others asks before.
func (s *Sender) Waiting() int { return s.queue.waiting() }

// Run delivers mails until ctx ends; then it returns nil. A mail that is being sent at that moment may be lost.
func (s *Sender) Run(ctx context.Context) error {
	var working sync.WaitGroup
	for range workers {
		if s.cfg.Server == nil {
			break
		}
		working.Go(func() { s.work(ctx) })
	}
	<-ctx.Done()
	working.Wait()
	return nil
}

// work sends one mail after another, over one connection while they come quickly.
func (s *Sender) work(ctx context.Context) {
	var open *connection
	defer func() {
		if open != nil {
			open.close()
		}
	}()
	for ctx.Err() == nil {
		e, found := s.queue.next(ctx, longestWait(open))
		if !found {
			if open != nil {
				open.close()
				open = nil
			}
			continue
		}
		var err error
		if open, err = s.deliver(ctx, open, e); err != nil {
			s.failed(ctx, e, err)
			continue
		}
		s.queue.done()
		s.metrics.count(sent)
	}
}

func longestWait(open *connection) time.Duration {
	if open == nil {
		return time.Hour
	}
	return idleTime
}

// deliver sends a mail over the connection, which it opens when there is none. It returns the connection for the next mail, or
// nil after an error.
func (s *Sender) deliver(ctx context.Context, open *connection, e entry) (*connection, error) {
	if open == nil {
		var err error
		if open, err = s.cfg.Server.connect(ctx, s.cfg.From); err != nil {
			return nil, err
		}
	}
	if err := open.send(ctx, e.Message); err != nil {
		open.drop()
		return nil, err
	}
	return open, nil
}

// failed keeps a mail for later, or gives it up.
func (s *Sender) failed(ctx context.Context, e entry, err error) {
	if ctx.Err() != nil { // the end of Run has cut the connection
		s.queue.again(e)
		return
	}
	e.tries++
	e.due = time.Now().Add(pause(e.tries))
	switch {
	case !passing(err):
		s.giveUp(refused, "a mail was refused", err)
	case e.due.After(e.Until):
		s.giveUp(late, "a mail was not delivered in time", err)
	default:
		s.cfg.Logger.Warn("a mail is tried again", "tries", e.tries, "error", reason(err))
		s.queue.again(e)
	}
}

func (s *Sender) giveUp(why result, sentence string, err error) {
	s.queue.done()
	s.metrics.count(why)
	s.cfg.Logger.Error(sentence, "error", reason(err))
}

// pause is how long a mail waits after so many tries.
func pause(tries int) time.Duration {
	const first, longest = time.Second, 30 * time.Second
	return min(first<<min(tries-1, 10), longest)
}
