package codes

import (
	"fmt"
	"testing"

	"flashsale/users/login"
)

// asks sends a code to ann as somebody on a network does.
func (c *codesTest) asks(network string) (flow string) {
	c.t.Helper()
	flow, err := c.Begin(c.ctx, c.ann.Username, Asker{Network: network})
	if err != nil {
		c.t.Fatal(err)
	}
	return flow
}

// Whoever asks for a code of somebody else, before and after the owner does, neither silences nor replaces the owner's code.
func TestAStrangerNeitherSilencesNorReplacesACode(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	strangers := c.asks("stranger")
	guessed := c.mail.last(t, 1)
	own := c.asks("home")
	m := c.mail.last(t, 2)
	c.asks("stranger") // within the minute
	c.mail.last(t, 2)
	c.later("2 minutes")
	c.asks("stranger")
	c.mail.last(t, 3)
	c.wants(login.ErrExpired)(c.Verify(c.ctx, strangers, guessed.code())) // replaced from its own network
	c.wants(nil)(c.Verify(c.ctx, own, m.code()))
}

// A mailbox gets some mails an hour for all networks together, and after that hour the next ones.
func TestAMailboxIsNotFlooded(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	for n := range mailsPerHour + 5 {
		c.asks(fmt.Sprintf("network %d", n))
	}
	c.mail.last(t, mailsPerHour)
	c.later("1 hour")
	c.asks("network 0")
	c.mail.last(t, mailsPerHour+1)
}

// Codes that were sent for many networks are guessed at in one budget of a day. Then none of them works, and the links do.
func TestManyCodesHaveOneBudgetOfGuesses(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	own := c.asks("home")
	m := c.mail.last(t, 1)
	for n := range wrongPerDay / Tries {
		flow := c.asks(fmt.Sprintf("network %d", n))
		for range Tries {
			c.wants(login.ErrRefused)(c.Verify(c.ctx, flow, c.mail.last(t, n+2).wrongCode()))
		}
	}
	c.wants(login.ErrExpired)(c.Verify(c.ctx, own, m.code()))
	c.wants(nil)(c.Spend(c.ctx, m.link()))
}

// Who has signed in with a code, and signs in on the next device a moment later, gets a mail there.
func TestACodeThatWasUsedSilencesNobody(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	c.wants(nil)(c.Verify(c.ctx, c.asks("home"), c.mail.last(t, 1).code()))
	c.wants(nil)(c.Verify(c.ctx, c.asks("home"), c.mail.last(t, 2).code()))
}
