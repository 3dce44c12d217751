package codes

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/users"
	"flashsale/users/login"
)

// postbox is a mailer that keeps what it is given.
type postbox struct {
	mu   sync.Mutex
	got  []Mail
	full bool
}

func (p *postbox) Send(m Mail) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, m)
	return nil
}

func (p *postbox) Full() bool { return p.full }

// last is the last mail, which is the n-th one.
func (p *postbox) last(t testing.TB, n int) Mail {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.got) != n {
		t.Fatalf("%d mails, want %d: %+v", len(p.got), n, p.got)
	}
	return append([]Mail{{}}, p.got...)[n]
}

var (
	codeIn = regexp.MustCompile(`(?m)^    (\d{6})$`)
	linkIn = regexp.MustCompile(`https://shop\.example/sign-in/link/(\S+)\n`)
)

func (m Mail) code() string { return found(codeIn, m.Text) }
func (m Mail) link() string { return found(linkIn, m.Text) }

func found(p *regexp.Regexp, text string) string {
	if parts := p.FindStringSubmatch(text); parts != nil {
		return parts[1]
	}
	return ""
}

// wrongCode is a code that this mail does not have.
func (m Mail) wrongCode() string {
	if m.code() == "000000" {
		return "000001"
	}
	return "000000"
}

type codesTest struct {
	*Codes
	ctx  context.Context
	pool *pgxpool.Pool
	mail *postbox
	ann  users.Account // has a verified address
	bob  users.Account // has one that nobody has verified
	t    testing.TB
}

func newCodesTest(t testing.TB) *codesTest {
	t.Helper()
	pool, mail := newPool(t), new(postbox)
	list := seeded(t, pool)
	c := &codesTest{ctx: testContext(t), pool: pool, mail: mail, ann: list[0], bob: list[1], t: t}
	c.Codes = New(pool, mail, Config{Accounts: users.NewStore(pool), Shop: "https://shop.example"})
	c.verified(&c.ann, "Ann@example.org")
	return c
}

// verified gives an account an address.
func (c *codesTest) verified(a *users.Account, email string) {
	c.t.Helper()
	err := pgx.BeginFunc(c.ctx, c.pool, func(tx pgx.Tx) error { return c.cfg.Accounts.VerifyEmailTx(c.ctx, tx, a.ID, email) })
	if err != nil {
		c.t.Fatal(err)
	}
	a.Email = email
}

func (c *codesTest) begun(name string) (flow string) {
	c.t.Helper()
	flow, err := c.Begin(c.ctx, name, Asker{})
	if err != nil || len(flow) < 20 {
		c.t.Fatalf("%q %v", flow, err)
	}
	return flow
}

// later makes everything so far older.
func (c *codesTest) later(interval string) {
	c.t.Helper()
	_, err := c.pool.Exec(c.ctx, fmt.Sprintf(`UPDATE login_codes SET created_at = created_at - interval '%[1]s', expires_at = expires_at - interval '%[1]s'`, interval))
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *codesTest) wants(want error) func(Proof, error) {
	return func(p Proof, err error) {
		c.t.Helper()
		if !errors.Is(err, want) || want != nil && p != (Proof{}) {
			c.t.Errorf("%+v %v, want %v", p, err, want)
		}
	}
}

func TestACodeProvesTheStoredAddressByNameAndByAddress(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	for i, name := range []string{c.ann.Username, strings.ToUpper(c.ann.Username), "ann@EXAMPLE.org", " ANN@example.org "} {
		flow := c.begun(name)
		m := c.mail.last(t, i+1)
		if m.To != "Ann@example.org" || !strings.Contains(m.Subject, "shop.example") || !strings.Contains(m.Text, "10 minutes") || m.Until.IsZero() {
			t.Errorf("%+v", m)
		}
		got, err := c.Verify(c.ctx, flow, m.code()[:3]+" "+m.code()[3:])
		if err != nil || got.Account.ID != c.ann.ID || got.Email != "Ann@example.org" {
			t.Errorf("%q: %+v %v", name, got, err)
		}
		c.later("1 minute")
	}
}

// In the dotless i a typed address is another mailbox than the stored one; in the Kelvin sign the two are equal in normal form, and
// then the mail goes to the stored one.
func TestAnotherSpellingNeverGetsTheMail(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	c.verified(&c.ann, "mike@example.org")
	for _, typed := range []string{"m\u0131ke@example.org", "mi\u212Ae@example.org", "m\u0456ke@example.org", "Mike <mike@example.org>", "mike@example.org,x@example.net"} {
		if _, err := c.Begin(c.ctx, typed, Asker{}); err != nil {
			t.Errorf("%q: %v", typed, err)
		}
		c.later("2 minutes")
	}
	for _, m := range c.mail.got {
		if m.To != "mike@example.org" {
			t.Errorf("to %q", m.To)
		}
	}
	if len(c.mail.got) != 1 {
		t.Errorf("%d mails", len(c.mail.got))
	}
}

func TestWhoHasNoVerifiedAddressGetsNothingAndTheAnswerIsTheSame(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	for _, name := range []string{c.bob.Username, "nobody", "not an address@", "x@y"} {
		flow := c.begun(name)
		for range Tries {
			c.wants(login.ErrRefused)(c.Verify(c.ctx, flow, "123456"))
		}
		c.wants(login.ErrExpired)(c.Verify(c.ctx, flow, "123456"))
	}
	c.mail.last(t, 0)
	// The same answers where a mail was sent.
	flow := c.begun(c.ann.Username)
	for range Tries {
		c.wants(login.ErrRefused)(c.Verify(c.ctx, flow, c.mail.last(t, 1).wrongCode()))
	}
	c.wants(login.ErrExpired)(c.Verify(c.ctx, flow, c.mail.last(t, 1).code()))
	// The last wrong try ends the code, and not the link, which cannot be guessed.
	c.wants(nil)(c.Spend(c.ctx, c.mail.last(t, 1).link()))
}

func TestAnAddressWithoutAnAccountIsProvenForASignUp(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	flow := c.begun("New@Example.com")
	m := c.mail.last(t, 1)
	got, err := c.Verify(c.ctx, flow, m.code())
	if err != nil || m.To != "New@example.com" || got.Account.ID != 0 || got.Email != m.To {
		t.Fatalf("%+v %v", got, err)
	}
	// An account that was made with the address meanwhile is signed in.
	c.later("2 minutes")
	flow = c.begun("new@example.com")
	c.verified(&c.bob, "new@example.com")
	if got, err := c.Verify(c.ctx, flow, c.mail.last(t, 2).code()); err != nil || got.Account.ID != c.bob.ID {
		t.Errorf("%+v %v", got, err)
	}
}

func TestACodeTriedTenThousandTimesIsLookedAtFiveTimes(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	flow := c.begun(c.ann.Username)
	m := c.mail.last(t, 1)
	var looks, passed atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1250 {
				switch _, err := c.Verify(c.ctx, flow, m.wrongCode()); {
				case errors.Is(err, login.ErrRefused):
					looks.Add(1)
				case !errors.Is(err, login.ErrExpired):
					passed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if looks.Load() != Tries || passed.Load() != 0 {
		t.Errorf("%d looks, %d other answers", looks.Load(), passed.Load())
	}
	c.wants(login.ErrExpired)(c.Verify(c.ctx, flow, m.code()))
}

func TestACodeWorksOnceAndOnlyInItsBrowser(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	flow, other := c.begun(c.ann.Username), c.begun("nobody")
	m := c.mail.last(t, 1)
	c.wants(login.ErrRefused)(c.Verify(c.ctx, other, m.code()))
	c.wants(login.ErrExpired)(c.Verify(c.ctx, "made up", m.code()))
	for _, malformed := range []string{"", "12345", "1234567", "12345a", "\uff11\uff12\uff13\uff14\uff15\uff16"} {
		c.wants(login.ErrRefused)(c.Verify(c.ctx, flow, malformed))
	}
	c.wants(nil)(c.Verify(c.ctx, flow, m.code())) // what is not six digits is no try
	c.wants(login.ErrExpired)(c.Verify(c.ctx, flow, m.code()))
	c.wants(login.ErrExpired)(c.Peek(c.ctx, m.link()))
	c.wants(login.ErrExpired)(c.Spend(c.ctx, m.link()))
}

func TestALinkIsLookedAtOftenAndUsedOnce(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	flow := c.begun(c.ann.Username)
	m := c.mail.last(t, 1)
	for range 3 {
		if got, err := c.Peek(c.ctx, m.link()); err != nil || got.Account.ID != c.ann.ID {
			t.Errorf("%+v %v", got, err)
		}
	}
	var used atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got, err := c.Spend(c.ctx, m.link()); err == nil && got.Account.ID == c.ann.ID {
				used.Add(1)
			} else if !errors.Is(err, login.ErrExpired) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if used.Load() != 1 {
		t.Errorf("used %d times", used.Load())
	}
	c.wants(login.ErrExpired)(c.Verify(c.ctx, flow, m.code()))
	c.wants(login.ErrExpired)(c.Spend(c.ctx, "made up"))
}

func TestACodeEndsAfterTenMinutes(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	flow := c.begun(c.ann.Username)
	m := c.mail.last(t, 1)
	c.later("9 minutes 50 seconds")
	c.wants(nil)(c.Peek(c.ctx, m.link()))
	c.wants(login.ErrRefused)(c.Verify(c.ctx, flow, m.wrongCode()))
	c.later("10 seconds")
	c.wants(login.ErrExpired)(c.Verify(c.ctx, flow, m.code()))
	c.wants(login.ErrExpired)(c.Spend(c.ctx, m.link()))
}

func TestOneMailAMinuteAndTheNewestCounts(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	first := c.begun(c.ann.Username)
	var wg sync.WaitGroup
	for range 8 { // by the name and by the address it is one budget
		wg.Go(func() { _, _ = c.Begin(c.ctx, "ann@example.org", Asker{}) })
	}
	wg.Wait()
	m := c.mail.last(t, 1)
	// Who presses twice in one browser keeps the flow; in another browser, or for another name, there is another.
	if again, err := c.Begin(c.ctx, c.ann.Username, Asker{Flow: first}); err != nil || again != first {
		t.Errorf("%q %v", again, err)
	}
	if again, err := c.Begin(c.ctx, "ann@example.org", Asker{Flow: first}); err != nil || again == first {
		t.Errorf("%q %v", again, err)
	}
	c.wants(login.ErrRefused)(c.Verify(c.ctx, first, m.wrongCode()))
	c.later("1 minute")
	second, err := c.Begin(c.ctx, c.ann.Username, Asker{Flow: first})
	newest := c.mail.last(t, 2)
	if err != nil || second == first {
		t.Errorf("%q %v", second, err)
	}
	// The right old code is told apart from a wrong one, by nobody but who has it.
	c.wants(login.ErrExpired)(c.Verify(c.ctx, first, m.code()))
	c.wants(login.ErrRefused)(c.Verify(c.ctx, first, m.wrongCode()))
	c.wants(login.ErrExpired)(c.Spend(c.ctx, m.link()))
	c.wants(nil)(c.Verify(c.ctx, second, newest.code()))
}

// Somebody who guesses all day has 50 tries, and the owner of the account signs in by the link all the same.
func TestManyWrongCodesLeaveTheLink(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	for i := range wrongPerDay / Tries {
		flow := c.begun(c.ann.Username)
		for range Tries {
			c.wants(login.ErrRefused)(c.Verify(c.ctx, flow, c.mail.last(t, i+1).wrongCode()))
		}
		c.later("1 minute")
	}
	flow := c.begun(c.ann.Username)
	m := c.mail.last(t, wrongPerDay/Tries+1)
	if m.code() != "" || m.link() == "" || strings.ContainsFunc(m.Subject, func(r rune) bool { return '0' <= r && r <= '9' }) {
		t.Errorf("%+v", m)
	}
	c.wants(login.ErrRefused)(c.Verify(c.ctx, flow, "123456"))
	c.wants(nil)(c.Spend(c.ctx, m.link()))
	c.later("1 day")
	c.begun(c.ann.Username)
	if m := c.mail.last(t, wrongPerDay/Tries+2); m.code() == "" {
		t.Errorf("a day later: %+v", m)
	}
}

func TestACodeOfAnAddressThatTheAccountHasNoMoreIsWorthNothing(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	flow := c.begun(c.ann.Username)
	m := c.mail.last(t, 1)
	c.verified(&c.ann, "other@example.org")
	c.wants(login.ErrExpired)(c.Peek(c.ctx, m.link()))
	c.wants(login.ErrExpired)(c.Verify(c.ctx, flow, m.code()))
	// An archived account is not seen, and its address is not free.
	flow = c.begun(c.ann.Username)
	m = c.mail.last(t, 2)
	if err := pgx.BeginFunc(c.ctx, c.pool, func(tx pgx.Tx) error { _, err := c.cfg.Accounts.ArchiveAllTx(c.ctx, tx); return err }); err != nil {
		t.Fatal(err)
	}
	c.wants(login.ErrExpired)(c.Verify(c.ctx, flow, m.code()))
	c.later("2 minutes")
	c.begun("other@example.org")
	c.mail.last(t, 2)
}

func TestCodesAreOffWithoutAMailerAndBusyWhenItIsFull(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	c.mail.full = true
	for _, name := range []string{c.ann.Username, "nobody"} {
		if _, err := c.Begin(c.ctx, name, Asker{}); !errors.Is(err, ErrBusy) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c.mail.full = false
	off := New(c.pool, nil, Config{})
	_, err := off.Begin(c.ctx, "nobody", Asker{})
	_, changing := off.BeginEmailChange(c.ctx, 1, "x@example.org", Asker{})
	if off.On() || !errors.Is(err, ErrOff) || !errors.Is(changing, ErrOff) {
		t.Error(err, changing)
	}
	if _, err := off.Spend(c.ctx, "x"); !errors.Is(err, ErrOff) {
		t.Error(err)
	}
	if _, err := c.Begin(c.ctx, "a\x00", Asker{}); !errors.Is(err, users.ErrName) {
		t.Error(err)
	}
}

// What the database has opens nothing: it has no code, flow, link or ticket in any form from which they can be found.
func TestTheTableHasNoSecret(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	flow := c.begun("new@example.com")
	m := c.mail.last(t, 1)
	var row string
	if err := c.pool.QueryRow(c.ctx, `SELECT string_agg(l::text || encode(flow, 'escape') || encode(code, 'escape') || encode(link, 'escape'), ' ')
		FROM login_codes l`).Scan(&row); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{flow, m.link(), m.code()} {
		if strings.Contains(row, secret) {
			t.Errorf("%q is in the table", secret)
		}
	}
}

type rolesOf map[int64]login.Role

func (r rolesOf) RoleOf(_ context.Context, account int64) (login.Role, error) {
	if account < 0 {
		return login.NoRole, errors.New("away")
	}
	return r[account], nil
}

func TestMailsToOperatorsArePrivate(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	c.verified(&c.bob, "bob@example.org")
	c.cfg.Roles = rolesOf{c.bob.ID: login.Viewer}
	c.begun(c.ann.Username)
	if c.mail.last(t, 1).Private {
		t.Error("a shopper's mail is private")
	}
	c.begun(c.bob.Username)
	if !c.mail.last(t, 2).Private || !c.private(c.ctx, -1) {
		t.Error("an operator's mail is not private")
	}
}

func TestOldCodesAreDeleted(t *testing.T) {
	t.Parallel()
	c := newCodesTest(t)
	for i := range 3 {
		c.begun(fmt.Sprintf("nobody%d", i))
	}
	c.later("24 hours 1 second")
	c.begun("nobody0")
	for _, want := range []int64{2, 1, 0} {
		if gone, err := c.store.deleteOldCodes(c.ctx, codesKept, 2); err != nil || gone != want {
			t.Errorf("%d %v, want %d", gone, err, want)
		}
	}
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	if err := c.Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestCodesAreSpreadOverAllOfThem(t *testing.T) {
	t.Parallel()
	var first [10]int
	for range 10_000 {
		code := newCode()
		if len(code) != codeDigits {
			t.Fatal(code)
		}
		first[code[0]-'0']++
	}
	for digit, n := range first {
		if n < 800 || n > 1200 {
			t.Errorf("%d of 10,000 begin with %d", n, digit)
		}
	}
}
