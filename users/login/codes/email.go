package codes

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"flashsale/users"
	"flashsale/users/login"
)

// BeginEmailChange sends a code to an address that an account wants to have, and returns the flow, which the browser has to
// keep. It fails with users.ErrName for what is no address, users.ErrNoAccount, ErrOff or ErrBusy. When the address
// belongs to another account it says nothing: the owner gets a mail that says so. An earlier change of the account ends.
func (c *Codes) BeginEmailChange(ctx context.Context, account int64, email string, by Asker) (flow string, err error) {
	if err := c.ready(); err != nil {
		return "", err
	}
	address, err := plainAddress(email)
	if err != nil {
		return "", err
	}
	key, err := users.NormalName(address)
	if err != nil {
		return "", err
	}
	own, err := c.own(ctx, account)
	if err != nil {
		return "", err
	}
	found, err := c.cfg.Accounts.Reachable(ctx, key)
	if err != nil {
		return "", err
	}
	r := codeRequest{purpose: changingEmail, asked: key, subject: key, address: address, account: own.ID, network: by.Network}
	if found.ID != 0 && found.ID != own.ID {
		r.taken, r.address = true, ""
		if found.Verified && !found.Archived {
			r.address = found.Email
		}
	}
	return c.begin(ctx, r)
}

func (c *Codes) own(ctx context.Context, account int64) (users.Reach, error) {
	own, err := c.cfg.Accounts.ReachableID(ctx, account)
	if err == nil && (own.ID == 0 || own.Archived) {
		err = users.ErrNoAccount
	}
	return own, err
}

// VerifyEmailChange gives the account the new address when the code is right, and ends all its sessions: the caller starts a new one.
// The old address, if its owner had verified it, gets a notice. It fails as Verify does, and with login.ErrTaken when another account
// was faster.
func (c *Codes) VerifyEmailChange(ctx context.Context, account int64, flow, code string) error {
	if c.mail == nil {
		return ErrOff
	}
	code, err := sixDigits(code)
	if err != nil {
		return err
	}
	row, err := c.store.tryCode(ctx, codeTry{purpose: changingEmail, flow: flow, code: code, account: account})
	if err != nil {
		return err
	}
	before, err := c.own(ctx, account)
	if err != nil {
		return err
	}
	if err := c.store.changeEmail(ctx, c.cfg.Accounts, account, row); err != nil {
		return err
	}
	if before.Verified && before.Email != row.address {
		m := Mail{To: before.Email, Private: c.private(ctx, account)}
		m.Subject, m.Text = c.textOf(ctx).changed()
		c.send(m)
	}
	return nil
}

// changeEmail spends the code, changes the address and ends the sessions, all or nothing. The roster is locked first, as in every
// change of accounts.
func (s *store) changeEmail(ctx context.Context, accounts *users.Store, account int64, row codeRow) error {
	err := s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := accounts.VerifyEmailTx(ctx, tx, account, row.address); err != nil {
			return err
		}
		done, err := tx.Exec(ctx, spendChange, row.id)
		if err == nil && done.RowsAffected() == 0 {
			err = login.ErrExpired
		}
		if err != nil {
			return err
		}
		return login.EndAllTx(ctx, tx, account)
	})
	switch {
	case errors.Is(err, users.ErrTaken):
		return login.ErrTaken
	case errors.Is(err, login.ErrExpired), errors.Is(err, users.ErrNoAccount), err == nil:
		return err
	}
	return fmt.Errorf("change an address: %w", err)
}

// TellPassword sends a notice that the password of an account is another one to its address, when its owner has verified that. It
// waits for no mail, and what goes wrong is the log's.
func (c *Codes) TellPassword(ctx context.Context, account int64) {
	if c.mail == nil {
		return
	}
	own, err := c.own(ctx, account)
	if err != nil {
		c.cfg.Logger.Warn("nobody is told of a new password", "error", err)
		return
	}
	if !own.Verified {
		return
	}
	m := Mail{To: own.Email, Private: c.private(ctx, account)}
	m.Subject, m.Text = c.textOf(ctx).newPassword()
	c.send(m)
}
