package codes

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/users"
	"flashsale/users/login"
)

var (
	// ErrOff means that nothing here sends mails.
	ErrOff = errors.New("codes: nothing here sends mails")
	// ErrBusy means that so many mails wait that no more are taken. It is the same for every name.
	ErrBusy = errors.New("codes: too many mails wait")
)

const (
	// Lifetime is how long a code and a link work.
	Lifetime = 10 * time.Minute
	// Tries is how often the digits of one code may be typed. After the last wrong one only the link works.
	Tries = 5
	// mailPause is how long after a mail the same address gets no other one for the same purpose that is asked for from the same
	// network. Who asks elsewhere does not silence the owner.
	mailPause = time.Minute
	// mailsPerHour is how many mails an address gets for one purpose, wherever they are asked for. It is more than the limits leave
	// to all strangers together (limits.Code), so that they cannot use it up.
	mailsPerHour = 40
	// wrongPerDay is how many wrong codes of one address there may be in a day, wherever they are typed. After them no code of it
	// works, those that are sent already too, and its mails have the link alone: it
	// cannot be guessed, so the owner still signs in, and whoever guesses does not.
	wrongPerDay = 50
	// codesKept is how long a row is kept, because wrong codes are counted by the day.
	codesKept = 24 * time.Hour
)

// Mail is one mail that is to be sent.
type Mail struct {
	To, Subject, Text string
	// Private mails must not be shown to developers.
	Private bool
	// Until is when it is of no use any more.
	Until time.Time
}

// mailer takes mails and returns at once.
type mailer interface {
	Send(m Mail) error
	// Full is true while Send would refuse.
	Full() bool
}

// roles is whoever knows the roles.
type roles interface {
	RoleOf(ctx context.Context, account int64) (login.Role, error)
}

// Config is what Codes need beside the pool and the mailer.
type Config struct {
	// Accounts have the names and addresses. Required.
	Accounts *users.Store
	// Roles say whose mails are private. Nil: every mail to an account is.
	Roles roles
	// Shop is the address of the shop, without a path, like https://shop.example. Links begin with it. Required.
	Shop string
	// Logger is told of mails that were not taken. Nil: nobody is.
	Logger *slog.Logger
}

// Codes prove that somebody reads the mails of an address. They send a code of six digits and a link.
//
// The code is bound to the browser that asked for it: it works only together with the flow, a secret in that browser's cookie.
// So a code that somebody is talked into reading out opens nothing elsewhere. The link works in any browser, because mails are
// read on other devices; it is a secret of 128 bits of its own. Using one of them ends the other.
//
// A mail goes only to the stored address of an account, which its owner has verified. Names are compared in normal form, in
// which several spellings are one; an address that was merely typed gets a mail only when no account has it.
//
// What Begin answers, and what Verify answers to a wrong code, does not depend on whether there is such an account, whether it
// has an address, or whether a mail was sent.
type Codes struct {
	store *store
	mail  mailer
	cfg   Config
}

// New makes Codes in a pool whose search_path is the schema of the migrations. Without a mailer (nil) they are off.
func New(pool *pgxpool.Pool, to mailer, cfg Config) *Codes {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Codes{store: &store{pool}, mail: to, cfg: cfg}
}

// On is true when codes can be sent.
func (c *Codes) On() bool { return c.mail != nil }

// Proof says that somebody reads the mails of an address.
type Proof struct {
	// Account has that address. Its ID is zero when no account has.
	Account users.Account
	// Email is the address.
	Email string
}

// purpose is what a code is for. The values are in the table.
type purpose string

const (
	signingIn     purpose = "sign-in"
	changingEmail purpose = "email"
)

// codeRequest is what is known before a code is made.
type codeRequest struct {
	purpose purpose
	asked   string // the name that was typed, in normal form
	subject string // whose budget of mails and tries it is, in normal form
	address string // gets the mail; "": nobody does
	account int64
	network string // from which it is asked
	// taken: the address belongs to another account, so the mail says that, and no code works.
	taken bool
}

// mailed is true when there is somebody who gets the code.
func (r codeRequest) mailed() bool { return r.address != "" && !r.taken }

// Asker is the browser that asks for a code.
type Asker struct {
	// Flow is what it got when it asked before; "": it did not.
	Flow string
	// Network is where it is. Each network has a pause of its own.
	Network string
}

// Begin sends a code to whoever has that name or address, and returns the flow, which the browser has to keep. Within a minute of the
// mail for the same name a browser keeps its flow, so that who presses twice can use the code of the first mail. It fails with
// users.ErrName, ErrOff or ErrBusy, and otherwise only with faults: whether a mail is sent, it does not say.
func (c *Codes) Begin(ctx context.Context, name string, by Asker) (flow string, err error) {
	if err := c.ready(); err != nil {
		return "", err
	}
	asked, err := users.NormalName(name)
	if err != nil {
		return "", err
	}
	if by.Flow != "" {
		if recent, err := c.store.recentFlow(ctx, by.Flow, asked); err != nil || recent {
			return by.Flow, err
		}
	}
	r, err := c.forSignIn(ctx, name, asked)
	if err != nil {
		return "", err
	}
	r.network = by.Network
	return c.begin(ctx, r)
}

func (c *Codes) ready() error {
	switch {
	case c.mail == nil:
		return ErrOff
	case c.mail.Full():
		return ErrBusy
	}
	return nil
}

// forSignIn finds who gets the mail. An address is looked up in the form in which it would be sent, because that form is stored.
func (c *Codes) forSignIn(ctx context.Context, name, asked string) (codeRequest, error) {
	r := codeRequest{purpose: signingIn, asked: asked, subject: asked}
	typed, noAddress := plainAddress(name)
	if noAddress == nil {
		key, err := users.NormalName(typed)
		if err != nil {
			return r, err
		}
		r.subject = key
	}
	found, err := c.cfg.Accounts.Reachable(ctx, r.subject)
	switch {
	case err != nil:
		return r, err
	case found.Verified && found.Archived:
	case found.Verified:
		r.subject, r.address, r.account = found.EmailKey, found.Email, found.ID
	case noAddress == nil:
		r.address = typed
	}
	return r, nil
}

// begin makes the same queries whatever is to be sent, so that the time says nothing either.
func (c *Codes) begin(ctx context.Context, r codeRequest) (flow string, err error) {
	private := c.private(ctx, r.account)
	s := newCodeSecrets()
	state, err := c.store.addCode(ctx, r, s)
	if err != nil {
		return "", err
	}
	m := Mail{To: r.address, Private: private, Until: time.Now().Add(Lifetime)}
	words := c.textOf(ctx)
	words.code, words.link = s.code, s.link
	switch {
	case r.address == "" || state == codeQuiet:
		return s.flow, nil
	case r.taken:
		m.Subject, m.Text = words.taken()
	case r.purpose == changingEmail:
		m.Subject, m.Text = words.changing()
	case state == codeLink:
		m.Subject, m.Text = words.linkAlone()
	default:
		m.Subject, m.Text = words.signIn()
	}
	c.send(m)
	return s.flow, nil
}

func (c *Codes) send(m Mail) {
	if err := c.mail.Send(m); err != nil {
		c.cfg.Logger.Warn("a mail was not taken", "error", err)
	}
}

// private is true for a mail that lets somebody into the desk, and when that is not known.
func (c *Codes) private(ctx context.Context, account int64) bool {
	if c.cfg.Roles == nil {
		return account != 0
	}
	role, err := c.cfg.Roles.RoleOf(ctx, account)
	return err != nil || role != login.NoRole
}

// Verify takes the digits that were typed in the browser with that flow. It fails with login.ErrRefused when they are wrong, and
// with login.ErrExpired when they are right and do not work any more, or when no more can be tried.
func (c *Codes) Verify(ctx context.Context, flow, code string) (Proof, error) {
	if c.mail == nil {
		return Proof{}, ErrOff
	}
	code, err := sixDigits(code)
	if err != nil {
		return Proof{}, err
	}
	row, err := c.store.tryCode(ctx, codeTry{purpose: signingIn, flow: flow, code: code})
	if err != nil {
		return Proof{}, err
	}
	return c.proof(ctx, row)
}

// Peek is what Spend would return. It spends nothing: programs that scan mails open links.
func (c *Codes) Peek(ctx context.Context, link string) (Proof, error) {
	if c.mail == nil {
		return Proof{}, ErrOff
	}
	row, err := c.store.linkedCode(ctx, link)
	if err != nil {
		return Proof{}, err
	}
	return c.proof(ctx, row)
}

// Spend uses a link. It works once; login.ErrExpired otherwise.
func (c *Codes) Spend(ctx context.Context, link string) (Proof, error) {
	if c.mail == nil {
		return Proof{}, ErrOff
	}
	row, err := c.store.spendLink(ctx, link)
	if err != nil {
		return Proof{}, err
	}
	return c.proof(ctx, row)
}

// proof looks at the account again: it may be archived meanwhile, have another address, or be the first one with this address.
func (c *Codes) proof(ctx context.Context, row codeRow) (Proof, error) {
	found, err := c.cfg.Accounts.Reachable(ctx, row.subject)
	switch {
	case err != nil:
		return Proof{}, err
	case found.Verified && !found.Archived && (row.account == 0 || row.account == found.ID):
		return Proof{Account: found.Account, Email: found.Email}, nil
	case row.account != 0, found.Verified:
		return Proof{}, login.ErrExpired
	}
	return Proof{Email: row.address}, nil
}

// sixDigits takes a code as people type it.
func sixDigits(typed string) (string, error) {
	code := strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "\t", "").Replace(typed)
	if len(code) != codeDigits || strings.Trim(code, "0123456789") != "" {
		return "", login.ErrRefused
	}
	return code, nil
}
