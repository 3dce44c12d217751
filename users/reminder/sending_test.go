package reminder

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"flashsale/users"
	"flashsale/views/text"
)

// A mail goes ten minutes before the start, by Postgres' clock, and not again.
func TestAMailGoesOnceTenMinutesBeforeTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	p := w.process()
	w.ask(p, w.accounts...)
	w.left(Ahead + time.Second)
	p.work(w.ctx())
	w.sends(0)
	w.left(Ahead)
	for range 3 {
		p.work(w.ctx())
	}
	w.sends(2)
	w.is(p, Sent, Sent)
	w.count(p, sent, 2)
	// Whoever takes it back and asks again gets no second one.
	if err := p.Stop(w.ctx(), w.sale.ID, w.accounts[0]); err != nil {
		t.Fatal(err)
	}
	w.ask(p, w.accounts[0])
	p.work(w.ctx())
	w.sends(2)
}

func TestWhoAsksLateIsRemindedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p := w.process()
	w.left(30 * time.Second)
	p.work(w.ctx())
	w.ask(p, w.accounts...)
	p.work(w.ctx())
	w.sends(1)
}

func TestNoMailGoesAfterTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p := w.process()
	w.ask(p, w.accounts...)
	for _, after := range []time.Duration{0, -time.Second} {
		w.left(after)
		p.work(w.ctx())
	}
	// This process believes that the start is to come, and Postgres knows better.
	w.change(func(s *Sale) { s.Starts, s.Now = w.began.Add(-time.Second), w.began.Add(-time.Minute) })
	p.work(w.ctx())
	w.sends(0)
}

// Closed, paused, a draft, or not known: the sale is not going to start.
func TestASaleThatWillNotStartSendsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p := w.process()
	w.ask(p, w.accounts...)
	w.left(time.Minute)
	w.change(func(s *Sale) { s.Announced = false })
	p.work(w.ctx())
	w.sends(0)
	w.change(func(s *Sale) { s.Announced = true })
	p.work(w.ctx())
	w.sends(1)
}

func TestAReminderFollowsAStartThatMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p := w.process()
	w.ask(p, w.accounts...)
	w.change(func(s *Sale) { s.Now, s.Starts = s.Starts.Add(-time.Minute), s.Starts.Add(24*time.Hour) })
	p.work(w.ctx())
	w.sends(0)
	w.is(p, Waiting)
	w.left(time.Minute)
	p.work(w.ctx())
	w.sends(1)
	w.is(p, Sent)
	// After the mail the start moves again: whoever wants another one asks again.
	w.change(func(s *Sale) { s.Starts = s.Starts.Add(time.Hour) })
	w.is(p, None)
	w.left(time.Minute)
	p.work(w.ctx())
	w.sends(1)
	w.ask(p, w.accounts...)
	w.is(p, Waiting)
	p.work(w.ctx())
	if to := w.sent(); len(to) != 2 {
		t.Errorf("%d mails", len(to))
	}
}

func TestProcessesShareTheMailsAndSendEachOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 60)
	one := w.process()
	w.ask(one, w.accounts...)
	w.left(time.Minute)
	ctx, cancel := context.WithCancel(w.ctx())
	var processes sync.WaitGroup
	for range 3 {
		p := w.process(func(c *Config) { c.Processes = func() int { return 3 } })
		processes.Go(func() {
			if err := p.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	for end := time.Now().Add(30 * time.Second); len(w.sent()) < 60 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	one.work(w.ctx())
	cancel()
	processes.Wait()
	w.sends(60)
}

// A hundred thousand mails do not leave at once, and never before codes for signing in.
func TestThePaceIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 60)
	p := w.process(func(c *Config) { c.PerSecond, c.Processes = 100, func() int { return 2 } })
	w.ask(p, w.accounts...)
	w.left(time.Minute)
	if more := p.work(w.ctx()); !more {
		t.Error("the next batch does not come soon")
	}
	w.sends(5) // in a tenth of a second, by one of two processes
	w.waiting = queued - 2
	p.work(w.ctx())
	w.sends(7)
	w.waiting = queued
	if more := p.work(w.ctx()); !more {
		t.Error("it does not come back when there is room")
	}
	w.sends(7)
}

func TestManyMailsBeginEarlier(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]time.Duration{0: Ahead, 30_000: Ahead, 100_000: 25 * time.Minute, 10_000_000: earliest} {
		if got := aheadOf(n, perSecond); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	w := newWorld(t, 60)
	p := w.process(func(c *Config) { c.PerSecond = 1 })
	w.exec(`INSERT INTO reminders (sale_id, user_id, language) SELECT 7, n, 'en' FROM generate_series(1000000, 1000939) n`)
	w.ask(p, w.accounts...) // 1,000 at one a second, and half of that to spare: 25 minutes
	w.left(25*time.Minute + time.Second)
	if p.work(w.ctx()) {
		t.Error("too early")
	}
	w.left(25 * time.Minute)
	if !p.work(w.ctx()) {
		t.Error("too late")
	}
}

// What the sender does not take waits, and what it will never take is given up.
func TestAFullSenderLosesNoReminder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	p := w.process()
	w.ask(p, w.accounts...)
	w.left(time.Minute)
	w.room = 1
	p.work(w.ctx())
	w.sends(1)
	w.room = 2
	p.work(w.ctx())
	w.sends(3)
	w.refuses = errors.New("not a mail that can be sent")
	p.work(w.ctx())
	w.refuses, w.room = nil, 9
	p.work(w.ctx())
	w.sends(3)
	w.count(p, failed, 1)
}

func TestOldRemindersAreDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	p := w.process()
	w.ask(p, w.accounts...)
	w.left(-kept)
	p.work(w.ctx())
	w.is(p, Waiting, Waiting)
	p.cleaned = time.Time{}
	w.left(-kept - time.Second)
	p.work(w.ctx())
	w.is(p, None, None)
}

func TestTheMailIsInTheLanguageOfWhoAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p := w.process()
	w.change(func(s *Sale) { s.Name = "Lamp\r\nBcc: x@example.org 50%s" })
	for _, code := range []string{"en", "de"} {
		if err := p.Ask(w.ctx(), w.sale.ID, w.sale.Starts, w.accounts[0], text.Choose(code)); err != nil {
			t.Fatal(err)
		}
		w.left(time.Minute)
		p.work(w.ctx())
		w.change(func(s *Sale) { s.Starts = s.Starts.Add(time.Hour) })
	}
	if len(w.mails) != 2 {
		t.Fatalf("%d mails", len(w.mails))
	}
	starts := w.sale.Starts.Add(-2 * time.Hour)
	for i, want := range [][]string{
		{"Soon: Lamp  Bcc: x@example.org 50%s", "goes on sale at", text.Choose("en").Moment(starts), "https://shop.example/sales/lamp\n", "nothing to stop"},
		{"Bald: Lamp", "beginnt am", text.Choose("de").Moment(starts.Add(time.Hour)), "https://shop.example/sales/lamp\n", "nichts abzubestellen"},
	} {
		m := w.mails[i]
		whole := m.Subject + "\n" + m.Text
		for _, part := range want {
			if !strings.Contains(whole, part) {
				t.Errorf("%q is not in\n%s", part, whole)
			}
		}
		if strings.ContainsAny(m.Subject, "\r\n") || !m.Until.Equal(starts.Add(time.Duration(i)*time.Hour)) {
			t.Errorf("%q, until %s", m.Subject, m.Until)
		}
	}
}

// A server that is away is asked again, and nothing is lost.
func TestRemindersWaitForAServerThatIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p := w.process()
	w.ask(p, w.accounts...)
	w.left(time.Minute)
	gone, cancel := context.WithCancel(w.ctx())
	cancel()
	p.work(gone)
	w.sends(0)
	away := w.process(func(c *Config) { c.Accounts = users.NewStore(closed(t, w)) })
	away.work(w.ctx())
	w.sends(0)
	p.work(w.ctx())
	w.sends(1)
}
