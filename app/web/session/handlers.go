// Package session answers what has to do with signing in: signing up and in, by password or by a code sent by e-mail, the second
// factor of those with a role, one's own account with its sessions and orders, invitations, and the team's page for owners.
//
// Every route takes JSON and forms. A form that is refused comes back with each error at its field and with what was typed, but
// never with a password. What says who somebody is, or lets somebody be that, is decided in package users/login: a handler carries a
// credential from there into a cookie and never looks into it.
//
// In demo mode the middleware refuses all of these routes, so that no credential is made in it.
package session

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/users"
	"flashsale/users/login"
	"flashsale/users/login/limits"
	"flashsale/views/layout"
	"flashsale/views/text"
)

// Visitor is who a request is from. The zero value is nobody.
type Visitor struct {
	Account  int64
	Username string
	Role     login.Role
	Session  uuid.UUID
	// Means is by what the visitor acts, for the audit log.
	Means string
}

// Config is what the Handlers need. All fields are required, except where it says otherwise.
type Config struct {
	// SecondFactor is true when accounts with a role need one.
	SecondFactor bool
	// Who is who a request is from.
	Who      func(*http.Request) Visitor
	Sessions sessions
	Seals    seals
	Accounts accounts
	// Passwords, Factors, Team and Acts know accounts, second factors, roles and tokens.
	Passwords passwords
	Factors   secondFactors
	Team      team
	Acts      acts
	Orders    orders
	// ReceiptPath is the path of a receipt, "" when it is not known. web.New sets it.
	ReceiptPath func(sale.Receipt) string
	// Codes is nil when no mail is sent.
	Codes proofs
	// Limits refuse too many attempts. web.New sets it.
	Limits *request.Limits
	// Owners is told of successful sign-ins; nil: nobody is.
	Owners owners
	// PublicURL begins the links that owners send to others; empty: the address that they themselves use.
	PublicURL string
	// Assets are what pages load now, with the brand. Nil: without one.
	Assets func() layout.Assets
	// Places are where somebody can go on the desk, from the page of the team. web.New sets it. Nil: nowhere.
	Places func(echo.Context) []layout.Place
	// Now is time.Now when nil.
	Now func() time.Time
}

// Handlers answer requests. Make them with New; they are safe for concurrent use.
type Handlers struct {
	cfg Config
}

// New makes the handlers.
func New(cfg Config) *Handlers {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Assets == nil {
		cfg.Assets = layout.Embedded
	}
	return &Handlers{cfg: cfg}
}

// Ready is a handler that is refused while there are no sessions to give. On a nil pointer it is the handler itself, for a table of
// routes that nobody serves.
func (hs *Handlers) Ready(h echo.HandlerFunc) echo.HandlerFunc {
	if hs == nil || hs.cfg.Sessions != nil {
		return h
	}
	return func(echo.Context) error { return request.ErrUnavailable }
}

// mail is true when codes can be sent.
func (hs *Handlers) mail() bool { return hs.cfg.Codes != nil && hs.cfg.Codes.On() }

// signedIn is who the request is from, or request.ErrSignIn.
func (hs *Handlers) signedIn(c echo.Context) (Visitor, error) {
	who := hs.cfg.Who(c.Request())
	if who.Account == 0 {
		return who, request.ErrSignIn
	}
	return who, nil
}

// account is the live account with that id. Without one the error is request.ErrSessionEnded: the account was archived less than a
// second ago, and its sessions end with it.
func (hs *Handlers) account(ctx context.Context, id int64) (users.Account, error) {
	found, _, err := hs.cfg.Accounts.WithID(ctx, []int64{id})
	if err == nil && len(found) == 0 {
		err = request.ErrSessionEnded
	}
	if err != nil {
		return users.Account{}, err
	}
	return found[0].Account, nil
}

// values reads the fields of a request's body.
func values(c echo.Context, known request.Spec) (fields, error) {
	r := c.Request()
	body, err := request.ReadBody(r, make([]byte, request.MaxBody+1))
	if err != nil {
		return nil, err
	}
	v, err := request.DecodeBody(r.Header, body, known)
	if err != nil {
		return fields(textsOf(request.Form(r.Header, body))), err
	}
	return fields(v), nil
}

// fields are the values of a body. What could not be read is what the form said, so that it can be shown again.
type fields request.Values

func textsOf(form map[string][]string) request.Values {
	v := request.Values{}
	for name, all := range form {
		v[name] = all[0]
	}
	return v
}

func (f fields) text(name string) string {
	s, _ := f[name].(string)
	return s
}

// required is a text that must not be empty.
func (f fields) required(name string) (string, error) {
	if s := f.text(name); s != "" {
		return s, nil
	}
	return "", request.BadField(name, text.Key(isRequired))
}

// attempt takes an attempt of the client's network, and of an account (limits.AccountKey, limits.NameKey). Where a session could not
// be kept nobody signs in.
func (hs *Handlers) attempt(c echo.Context, policy limits.Policy, account ...string) error {
	if !request.KeepsSessions(c.Request()) {
		return request.ErrInsecure
	}
	return hs.cfg.Limits.Allow(c, policy, account...)
}

// later is a problem with a time to wait.
func later(k *request.Kind, wait time.Duration) error {
	p := k.Problem("")
	p.RetryAfter = max(1, int((wait+time.Second-1)/time.Second))
	return &request.ProblemError{Kind: k, Problem: p}
}
