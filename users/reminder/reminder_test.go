package reminder

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/users"
	"flashsale/views/text"
)

func TestAskingIsKeptOnceAndTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	p := w.process()
	w.is(p, None, None, None)
	w.ask(p, w.accounts[0], w.accounts[0], w.accounts[1])
	w.is(p, Waiting, Waiting, None)
	var rows int
	if err := w.pool.QueryRow(w.ctx(), `SELECT count(*) FROM reminders`).Scan(&rows); err != nil || rows != 2 {
		t.Errorf("%d rows, %v", rows, err)
	}
	for range 2 {
		if err := p.Stop(w.ctx(), w.sale.ID, w.accounts[0]); err != nil {
			t.Fatal(err)
		}
	}
	w.is(p, None, Waiting, None)
}

func TestOnlyWhoHasAVerifiedAddressIsReminded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	p := w.process()
	w.exec(`UPDATE users SET email_verified_at = NULL WHERE id = $1`, w.accounts[0])
	w.exec(`UPDATE users SET archived_at = now() WHERE id = $1`, w.accounts[1])
	for _, account := range []int64{w.accounts[0], w.accounts[1], 1 << 40} {
		if err := p.Ask(w.ctx(), w.sale.ID, w.sale.Starts, account, text.Language{}); !errors.Is(err, ErrNoAddress) {
			t.Errorf("%d: %v", account, err)
		}
	}
	// Whoever loses the address later gets no mail either.
	w.ask(p, w.accounts[2], w.accounts[3])
	w.exec(`UPDATE users SET email_verified_at = NULL WHERE id = $1`, w.accounts[2])
	w.left(time.Minute)
	p.work(w.ctx())
	w.sends(1)
	w.count(p, unreachable, 1)
	w.count(p, sent, 1)
}

func TestWithoutMailThereAreNoReminders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.ask(w.process(), w.accounts...)
	off := w.process(func(c *Config) { c.Mail = nil })
	if err := off.Ask(w.ctx(), w.sale.ID, w.sale.Starts, w.accounts[0], text.Language{}); !errors.Is(err, ErrOff) || off.On() {
		t.Errorf("%v", err)
	}
	w.left(time.Minute)
	off.work(w.ctx())
	w.sends(0)
}

func TestAnErasedAccountHasNoReminders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	p := w.process()
	w.ask(p, w.accounts...)
	err := pgx.BeginFunc(w.ctx(), w.pool, func(tx pgx.Tx) error { return users.NewStore(w.pool).EraseTx(w.ctx(), tx, w.accounts[0]) })
	if err != nil {
		t.Fatal(err)
	}
	w.is(p, None, Waiting)
}
