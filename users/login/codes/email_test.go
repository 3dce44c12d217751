package codes

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"flashsale/users"
	"flashsale/users/login"
)

func (c *codesTest) changing(a users.Account, email string) (flow string) {
	c.t.Helper()
	flow, err := c.BeginEmailChange(c.ctx, a.ID, email, Asker{})
	if err != nil || flow == "" {
		c.t.Fatalf("%q %v", flow, err)
	}
	return flow
}

func (c *codesTest) wantsChange(a users.Account, flow, code string, want error) {
	c.t.Helper()
	if err := c.VerifyEmailChange(c.ctx, a.ID, flow, code); !errors.Is(err, want) {
		c.t.Errorf("%v, want %v", err, want)
	}
}

func (c *codesTest) addressOf(a users.Account) (string, bool) {
	c.t.Helper()
	r, err := c.cfg.Accounts.ReachableID(c.ctx, a.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	return r.Email, r.Verified
}

func TestAnAddressIsChangedByTheCodeThatWasSentThere(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	flow := c.changing(c.ann, "New@example.org")
	m := c.mail.last(t, 1)
	if m.To != "New@example.org" || m.code() == "" || strings.Contains(m.Text, "/sign-in/link/") {
		t.Fatalf("%+v", m)
	}
	c.wantsChange(c.ann, flow, m.wrongCode(), login.ErrRefused)
	c.wantsChange(c.bob, flow, m.code(), login.ErrExpired)     // another account
	c.wants(login.ErrExpired)(c.Verify(c.ctx, flow, m.code())) // another purpose
	if now, _ := c.addressOf(c.ann); now != "Ann@example.org" {
		t.Errorf("before the code: %s", now)
	}
	sessions := login.NewSessions(login.NewStore(c.pool), login.SessionsConfig{})
	since, err := sessions.Version(c.ctx)
	if err != nil {
		t.Fatal(err)
	}
	c.wantsChange(c.ann, flow, m.code(), nil)
	if err := sessions.Unchanged(c.ctx, c.ann.ID, since); !errors.Is(err, login.ErrExpired) {
		t.Errorf("sessions outlive the address: %v", err)
	}
	if now, verified := c.addressOf(c.ann); now != "New@example.org" || !verified {
		t.Errorf("%s %v", now, verified)
	}
	if notice := c.mail.last(t, 2); notice.To != "Ann@example.org" || strings.Contains(notice.Text, "New@") {
		t.Errorf("%+v", notice)
	}
	c.wantsChange(c.ann, flow, m.code(), login.ErrExpired)
	c.wants(nil)(c.Verify(c.ctx, c.begun("new@example.org"), c.mail.last(t, 3).code()))
}

// An address that nobody has verified is not the account's: it gets no notice.
func TestTheFirstAddressOfAnAccountHasNoOldOne(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	flow := c.changing(c.bob, "bob@example.org")
	c.wantsChange(c.bob, flow, c.mail.last(t, 1).code(), nil)
	c.mail.last(t, 1)
}

func TestAnAddressOfSomebodyElseIsNotSaidToBeTaken(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	flow := c.changing(c.bob, "ann@EXAMPLE.org")
	m := c.mail.last(t, 1)
	if m.To != "Ann@example.org" || m.code() != "" || !strings.Contains(m.Subject, "already have an account") || strings.Contains(m.Text, c.bob.Username) {
		t.Errorf("%+v", m)
	}
	for range Tries {
		c.wantsChange(c.bob, flow, "123456", login.ErrRefused)
	}
	c.wantsChange(c.bob, flow, "123456", login.ErrExpired)
	c.later("2 minutes")
	// An address that only stands there, as of the series, is not mailed to either.
	c.changing(c.ann, c.bob.Email)
	c.mail.last(t, 1)
}

func TestTwoAccountsCannotGetOneAddress(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	one := c.changing(c.ann, "both@example.org")
	first := c.mail.last(t, 1)
	c.later("1 minute")
	// The newest code of an address counts, whoever has asked for it.
	two := c.changing(c.bob, "both@example.org")
	second := c.mail.last(t, 2)
	c.wantsChange(c.ann, one, first.code(), login.ErrExpired)
	c.wantsChange(c.bob, two, second.code(), nil)
	c.later("1 minute")
	// One that was begun before somebody else got the address.
	three := c.changing(c.ann, "third@example.org")
	c.verified(&c.bob, "third@example.org")
	c.wantsChange(c.ann, three, c.mail.last(t, 3).code(), login.ErrTaken)
	if now, _ := c.addressOf(c.ann); now != "Ann@example.org" {
		t.Error(now)
	}
}

func TestAChangeIsMadeOnceAndAnEarlierOneEnds(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	early := c.changing(c.ann, "early@example.org")
	earlyCode := c.mail.last(t, 1).code()
	flow := c.changing(c.ann, "late@example.org")
	code := c.mail.last(t, 2).code()
	c.wantsChange(c.ann, early, earlyCode, login.ErrExpired)
	var wg sync.WaitGroup
	var mu sync.Mutex
	outcomes := map[error]int{}
	for range 6 {
		wg.Go(func() {
			err := c.VerifyEmailChange(c.ctx, c.ann.ID, flow, code)
			mu.Lock()
			defer mu.Unlock()
			outcomes[err]++
		})
	}
	wg.Wait()
	if outcomes[nil] != 1 || outcomes[login.ErrExpired] != 5 {
		t.Errorf("%v", outcomes)
	}
	c.mail.last(t, 3) // one notice
}

func TestNoChangeToWhatIsNoAddressOrForNobody(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	for _, email := range []string{"", "ann", "Ann <ann@example.org>", "m\u0131ke@example.org", "0123456789abcdef0123456789abcdef@unverified.invalid"} {
		if _, err := c.BeginEmailChange(c.ctx, c.ann.ID, email, Asker{}); !errors.Is(err, users.ErrName) {
			t.Errorf("%q: %v", email, err)
		}
	}
	if _, err := c.BeginEmailChange(c.ctx, 999, "x@example.org", Asker{}); !errors.Is(err, users.ErrNoAccount) {
		t.Error(err)
	}
	c.mail.last(t, 0)
}

func TestWhoHasAVerifiedAddressIsToldOfANewPassword(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	c.TellPassword(c.ctx, c.bob.ID) // nobody has verified it
	c.TellPassword(c.ctx, 999)
	c.mail.last(t, 0)
	c.TellPassword(c.ctx, c.ann.ID)
	if m := c.mail.last(t, 1); m.To != "Ann@example.org" || !strings.Contains(m.Text, "new password") || !strings.Contains(m.Text, "https://shop.example/account") || m.code() != "" {
		t.Errorf("%+v", m)
	}
	off := New(c.pool, nil, Config{Accounts: c.cfg.Accounts, Shop: "https://shop.example"})
	off.TellPassword(c.ctx, c.ann.ID)
	c.mail.last(t, 1)
}
