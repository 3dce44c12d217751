package session

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/operator"
	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/users"
	"flashsale/users/login"
	"flashsale/users/login/codes"
	"flashsale/users/login/limits"
	"flashsale/views/layout"
	"flashsale/views/text"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// The people of the tests. Ann is a shopper, Oda an owner, Vic a viewer without a second factor.
const (
	ann = 11
	oda = 12
	vic = 13
)

const rightPassword = "correct horse battery"

// world is the domains behind the handlers: what they are asked they note in calls, and they answer by simple rules.
type world struct {
	hs      *Handlers
	people  map[int64]users.Account
	roles   map[int64]login.Role
	factors map[int64]bool
	calls   []string
	err     error // of the next act
	spent   bool  // an act's secret was shown before
	over    bool  // every limit is spent
	off     bool  // no mail
	bare    bool  // nobody has a password
	changed bool  // all sessions have ended since the first step of a sign-in
}

func newWorld(change ...func(*world, *Config)) *world {
	w := &world{
		people: map[int64]users.Account{
			ann: {ID: ann, Username: "ann", Email: "ann@example.com"}, oda: {ID: oda, Username: "oda", Email: strings.Repeat("0", 32) + unverified},
			vic: {ID: vic, Username: "vic", Email: "vic@example.com"},
		},
		roles: map[int64]login.Role{oda: login.Owner, vic: login.Viewer}, factors: map[int64]bool{oda: true},
	}
	cfg := Config{
		SecondFactor: true, Sessions: w, Seals: seal{}, Accounts: w, Passwords: w, Factors: factors{w}, Team: w, Acts: w, Orders: w,
		Codes: letters{w}, Limits: request.NewLimits(w, false, nil), Owners: w, Now: func() time.Time { return noon },
		Places: func(echo.Context) []layout.Place {
			return []layout.Place{{Label: "Sales", Path: "/admin/sales"}, {Label: "Orders", Path: "/admin/orders"}, {Label: "Shoppers", Path: "/admin/shoppers"}, {Label: "Audit", Path: "/admin/audit"}, {Label: "Proof", Path: "/admin/proof"}, {Label: "Team", Path: "/admin/team", Here: true}}
		},
		ReceiptPath: func(r sale.Receipt) string { return "/receipts/secret-of-" + r.OrderID.String()[:8] },
		Who: func(r *http.Request) Visitor {
			name := r.Header.Get("Test-Session")
			for id, a := range w.people {
				if a.Username == name {
					return Visitor{Account: id, Username: name, Role: w.roles[id], Session: uuid.UUID{byte(id)}}
				}
			}
			return Visitor{}
		},
	}
	for _, f := range change {
		f(w, &cfg)
	}
	w.hs = New(cfg)
	return w
}

func (w *world) called(words ...string) { w.calls = append(w.calls, strings.Join(words, " ")) }

func (w *world) named(name string) users.Account {
	for _, a := range w.people {
		if a.Username == name || a.Email == name {
			return a
		}
	}
	return users.Account{}
}

func (w *world) Start(_ context.Context, a users.Account, from login.Origin) (string, login.Session, error) {
	w.called("start", a.Username, from.Network)
	return "credential-of-" + a.Username, login.Session{ID: uuid.UUID{0xf0}, Account: a.ID, Username: a.Username, Role: w.roles[a.ID], Expires: noon.Add(720 * time.Hour)}, w.err
}

func (w *world) End(_ context.Context, account int64, id uuid.UUID) error {
	w.called("end", w.people[account].Username, id.String()[:2])
	return nil
}

func (w *world) EndAll(_ context.Context, account int64, but uuid.UUID) (int, error) {
	w.called("end all of", w.people[account].Username, "but", but.String()[:2])
	if but == uuid.Nil {
		return 3, nil
	}
	return 2, nil
}

func (w *world) Version(context.Context) (int64, error) { return 7, nil }

func (w *world) Unchanged(_ context.Context, _, since int64) error {
	if w.changed || since != 7 {
		return login.ErrExpired
	}
	return nil
}

func (w *world) List(_ context.Context, account int64) ([]login.Session, error) {
	return []login.Session{
		{ID: uuid.UUID{byte(account)}, Created: noon, Origin: login.Origin{Network: "192.0.2.7", Agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}},
		{ID: uuid.UUID{0xee}, Created: noon.Add(-time.Hour), Origin: login.Origin{Network: "198.51.100.1", Agent: "<script>alert(1)</script>"}},
	}, nil
}

func (w *world) SignUp(_ context.Context, s login.SignUp) (users.Account, error) {
	w.called("sign up", s.Username, s.Password, s.VerifiedEmail)
	switch {
	case s.Username == "taken":
		return users.Account{}, login.ErrTaken
	case strings.Contains(s.Username, "/"):
		return users.Account{}, &users.NameError{Reason: "a username must not contain /"}
	case s.Password == "12345678":
		return users.Account{}, &login.WeakError{Field: fieldPassword, Reason: "This password is easy to guess."}
	case s.Password == "later":
		return users.Account{}, &login.BusyError{Wait: 1500 * time.Millisecond}
	}
	made := users.Account{ID: 20, Username: s.Username, Email: s.VerifiedEmail}
	w.people[20] = made
	return made, nil
}

func (w *world) Check(_ context.Context, name, password string) (users.Account, error) {
	w.called("check", name)
	a := w.named(name)
	switch {
	case password == "later":
		return users.Account{}, &login.BusyError{Wait: 1500 * time.Millisecond}
	case a.ID == 0 || password != rightPassword:
		return users.Account{}, login.ErrRefused
	}
	return a, nil
}

func (w *world) Change(_ context.Context, account int64, current, next string) error {
	switch {
	case current != rightPassword:
		return login.ErrRefused
	case next == "12345678":
		return &login.WeakError{Field: fieldPassword, Reason: "This password is easy to guess."}
	}
	w.called("password of", w.people[account].Username)
	return nil
}

func (w *world) Set(_ context.Context, account int64, next string) error {
	if next == "12345678" {
		return &login.WeakError{Field: fieldPassword, Reason: "This password is easy to guess."}
	}
	w.called("set password of", w.people[account].Username)
	return nil
}

func (w *world) Has(context.Context, int64) (bool, error) { return !w.bare, nil }

func (w *world) Prove(_ context.Context, account int64, password string) error {
	w.called("prove", w.people[account].Username)
	if password != rightPassword {
		return login.ErrRefused
	}
	return nil
}

// letters are the codes by e-mail. The right code is 123456, the right link "link".
type letters struct{ w *world }

func (l letters) On() bool { return !l.w.off }

func (l letters) Begin(_ context.Context, name string, by codes.Asker) (string, error) {
	l.w.called("code to", name, by.Flow)
	return "flow", nil
}

func (l letters) Verify(_ context.Context, flow, code string) (codes.Proof, error) {
	switch {
	case code == "000000":
		return codes.Proof{}, login.ErrExpired
	case code != "123456":
		return codes.Proof{}, login.ErrRefused
	case flow == "flow-of-nobody":
		return codes.Proof{Email: "new@example.com"}, nil
	case flow == "flow-of-oda":
		return codes.Proof{Account: l.w.people[oda]}, nil
	}
	return codes.Proof{Account: l.w.people[ann]}, nil
}

func (l letters) Peek(_ context.Context, link string) (codes.Proof, error) {
	if link != "link" {
		return codes.Proof{}, login.ErrExpired
	}
	return codes.Proof{Account: l.w.people[ann]}, nil
}

func (l letters) Spend(ctx context.Context, link string) (codes.Proof, error) {
	l.w.called("spend", link)
	return l.Peek(ctx, link)
}

func (l letters) BeginEmailChange(_ context.Context, account int64, email string, _ codes.Asker) (string, error) {
	l.w.called("new address", email, "of", l.w.people[account].Username)
	return "email-flow", nil
}

func (l letters) VerifyEmailChange(_ context.Context, account int64, flow, code string) error {
	if flow != "email-flow" || code != "123456" {
		return login.ErrRefused
	}
	l.w.called("verified address of", l.w.people[account].Username)
	return nil
}

func (l letters) TellPassword(_ context.Context, account int64) {
	l.w.called("tell", l.w.people[account].Username)
}

type factors struct{ w *world }

func (f factors) Begin(_ context.Context, account int64, label string) (login.Enrolment, error) {
	if f.w.factors[account] {
		return login.Enrolment{}, login.ErrEnrolled
	}
	return login.Enrolment{Secret: "JBSWY3DPEHPK3PXP", URI: "otpauth://totp/Shop:" + label + "?secret=JBSWY3DPEHPK3PXP&issuer=Shop"}, nil
}

func (f factors) Confirm(_ context.Context, account int64, code string) ([]string, error) {
	if code != "654321" {
		return nil, login.ErrRefused
	}
	f.w.factors[account] = true
	return []string{"AAAAA-11111", "BBBBB-22222"}, nil
}

func (f factors) Check(_ context.Context, account int64, code string) error {
	f.w.called("factor of", f.w.people[account].Username)
	if code != "654321" {
		return login.ErrRefused
	}
	return nil
}

func (f factors) Enrolled(_ context.Context, account int64) (bool, error) {
	return f.w.factors[account], nil
}

func (w *world) RoleOf(_ context.Context, account int64) (login.Role, error) {
	return w.roles[account], nil
}

func (w *world) LookAtInvitation(_ context.Context, token string) (login.Invitation, error) {
	switch token {
	case "invited":
		return login.Invitation{Role: login.Operator, By: "oda"}, nil
	case "first":
		return login.Invitation{Role: login.Owner, FirstOwner: true}, nil
	}
	return login.Invitation{}, login.ErrExpired
}

func (w *world) Team(context.Context) ([]login.Member, error) {
	return []login.Member{
		{Account: oda, Username: "oda", Role: login.Owner, SecondFactor: true, GivenAt: noon}, {Account: vic, Username: "vic", Role: login.Viewer, GivenAt: noon},
	}, nil
}

func (w *world) Tokens(context.Context) ([]login.Token, error) {
	return []login.Token{
		{ID: uuid.UUID{1}, Name: "till", Username: "oda", Scopes: login.Read | login.Export, Made: noon, Expires: noon.Add(time.Hour)},
		{ID: uuid.UUID{2}, Name: "old", Username: "oda", Scopes: login.Read, Made: noon, Expires: noon.Add(time.Hour), Revoked: noon},
		{ID: uuid.UUID{3}, Name: "older", Username: "oda", Scopes: login.Read, Made: noon, Expires: noon},
	}, nil
}

func (w *world) Accept(_ context.Context, a operator.Act, token string) (login.Role, error) {
	w.called("accept", token, "as", a.Principal)
	return login.Operator, w.err
}

func (w *world) Invite(_ context.Context, a operator.Act, role login.Role) (operator.Link, error) {
	w.called("invite", role.String(), "by", a.Principal, "key", a.Key)
	l := operator.Link{Token: "fresh-token", Role: role, Expires: noon.Add(time.Hour)}
	if w.spent {
		l.Token = ""
	}
	return l, w.err
}

func (w *world) SetRole(_ context.Context, a operator.Act, username string, role login.Role) (operator.RoleChange, error) {
	w.called("role of", username, roleName(role), "by", a.Principal)
	return operator.RoleChange{Username: username, Before: login.Viewer, After: role}, w.err
}

func (w *world) ResetSecondFactor(_ context.Context, a operator.Act, username string) (bool, error) {
	w.called("reset factor of", username, "by", a.Principal)
	return true, w.err
}

func (w *world) CreateToken(_ context.Context, a operator.Act, name string, scopes login.Scope, expires time.Time) (operator.MadeToken, error) {
	w.called("token", name, strings.Join(scopes.Names(), "+"), expires.Format(time.DateOnly), "by", a.Principal)
	return operator.MadeToken{Secret: "fst_secret", Token: login.Token{ID: uuid.UUID{4}, Name: name, Scopes: scopes, Expires: expires, Username: a.Principal}}, w.err
}

func (w *world) RevokeToken(_ context.Context, a operator.Act, id uuid.UUID) (login.Token, error) {
	w.called("revoke", id.String()[:2], "by", a.Principal)
	return login.Token{}, w.err
}

func (w *world) WithName(_ context.Context, name string) (users.Account, error) {
	return w.named(name), nil
}

func (w *world) WithID(_ context.Context, ids []int64) ([]users.Record, int64, error) {
	if a, ok := w.people[ids[0]]; ok {
		return []users.Record{{Account: a}}, 1, nil
	}
	return nil, 1, nil
}

func (w *world) OrdersOf(_ context.Context, user int64, _ int) ([]sale.Order, error) {
	if user != ann {
		return nil, nil
	}
	return []sale.Order{
		{Receipt: sale.Receipt{OrderID: uuid.UUID{7}, Unit: 3, At: noon}, Slug: "first", Product: "A <fine> clock"},
		{Receipt: sale.Receipt{OrderID: uuid.UUID{8}, Unit: 4, At: noon}, Slug: "first", Product: "A <fine> clock", CancelledAt: noon},
	}, nil
}

func (w *world) Take(_ context.Context, policy limits.Policy, keys ...string) limits.Verdict {
	words := []string{"take", string(policy)}
	for _, key := range keys {
		for id, a := range w.people {
			if key == limits.AccountKey(id) {
				key = a.Username
			}
		}
		words = append(words, key)
	}
	w.called(words...)
	return limits.Verdict{OK: !w.over, Wait: 90 * time.Second}
}

func (w *world) Remember(_ context.Context, account int64, _ string) {
	w.called("remember", w.people[account].Username)
}

// seal is readable and, as the real one, for one purpose and a time.
type seal struct{}

func (seal) Seal(purpose, text string, until time.Time) (string, error) {
	return purpose + "|" + text + "|" + until.Format(time.RFC3339), nil
}

func (seal) Unseal(purpose, sealed string, now time.Time) (string, error) {
	part := strings.Split(sealed, "|")
	if len(part) != 3 || part[0] != purpose {
		return "", login.ErrNoSession
	}
	if until, _ := time.Parse(time.RFC3339, part[2]); !until.After(now) {
		return "", login.ErrExpired
	}
	return part[1], nil
}

// routes are the handlers at their addresses, without the middleware but for the language of the request.
func (w *world) routes() *echo.Echo {
	e := echo.New()
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			c.SetRequest(r.WithContext(text.With(r.Context(), request.Language(r))))
			return next(c)
		}
	})
	hs := w.hs
	for _, r := range []struct {
		method, path string
		h            echo.HandlerFunc
	}{
		{"GET", "/sign-up", hs.SignUpPage}, {"POST", "/sign-up", hs.SignUp}, {"GET", "/sign-in", hs.SignInPage}, {"POST", "/sign-in", hs.SignIn},
		{"GET", "/sign-in/second-factor", hs.FactorPage}, {"POST", "/sign-in/second-factor", hs.Factor},
		{"POST", "/sign-in/code", hs.SendCode}, {"GET", "/sign-in/code/verify", hs.CodePage}, {"POST", "/sign-in/code/verify", hs.VerifyCode},
		{"GET", "/sign-in/link/:token", hs.LinkPage}, {"POST", "/sign-in/link/:token", hs.SpendLink}, {"POST", "/sign-out", hs.SignOut},
		{"GET", "/account", hs.Account}, {"POST", "/account/password", hs.ChangePassword}, {"POST", "/account/email", hs.ChangeEmail},
		{"GET", "/account/email/verify", hs.EmailPage}, {"POST", "/account/email/verify", hs.VerifyEmail},
		{"GET", "/account/sessions", hs.Sessions}, {"POST", "/account/sessions/end-all", hs.EndSessions}, {"POST", "/account/sessions/:id/end", hs.EndSession},
		{"GET", "/account/orders", hs.Orders}, {"GET", "/account/second-factor", hs.EnrolPage}, {"POST", "/account/second-factor", hs.Enrol},
		{"GET", "/account/second-factor/qr.png", hs.Picture}, {"GET", "/invitations/:token", hs.InvitationPage}, {"POST", "/invitations/:token", hs.Accept},
		{"GET", "/admin/team", hs.TeamPage}, {"GET", "/api/admin/team", hs.Team}, {"POST", "/api/admin/team/invitations", hs.Invite},
		{"POST", "/api/admin/team/:username/role", hs.SetRole}, {"POST", "/api/admin/team/:username/second-factor/reset", hs.ResetFactor},
		{"GET", "/api/admin/tokens", hs.Tokens}, {"POST", "/api/admin/tokens", hs.CreateToken}, {"POST", "/api/admin/tokens/:id/revoke", hs.RevokeToken},
	} {
		e.Add(r.method, r.path, hs.Ready(r.h))
	}
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		p := request.ProblemOf(err)
		_ = request.WriteJSON(c, p.Status, p)
	}
	return e
}

// send asks the handlers. A body that begins with { is JSON, any other a form by a browser. fields are "Name: value".
func (w *world) send(method, target, body string, fields ...string) (*http.Response, string) {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host, r.RemoteAddr = "localhost:3001", "127.0.0.1:40000"
	switch {
	case strings.HasPrefix(body, "{"):
		r.Header.Set("Content-Type", "application/json")
	case body != "":
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept", "text/html")
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Set(name, value)
		if name == "Host" {
			r.Host = value
		}
	}
	rec := httptest.NewRecorder()
	w.routes().ServeHTTP(rec, r)
	return rec.Result(), rec.Body.String()
}

// scenario is a request with what must and must not come of it.
type scenario struct {
	name, method, target, body string
	fields                     []string
	world                      func(*world, *Config)
	status                     int
	// location and cookies ("name=value", or "-name" for one that is taken away) are those of the answer.
	location string
	cookies  []string
	has, not []string
	// calls must have been made, never must not.
	calls, never []string
}

func (s scenario) run(t *testing.T) {
	t.Helper()
	w := newWorld()
	if s.world != nil {
		w = newWorld(s.world)
	}
	res, body := w.send(s.method, s.target, s.body, s.fields...)
	if res.StatusCode != s.status {
		t.Errorf("status %d, want %d: %s", res.StatusCode, s.status, body)
	}
	if got := res.Header.Get("Location"); got != s.location {
		t.Errorf("leads to %q, want %q", got, s.location)
	}
	s.checkCookies(t, res)
	for _, want := range s.has {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in %s", want, body)
		}
	}
	for _, not := range append(s.not, rightPassword, "12345678") {
		if strings.Contains(body, not) {
			t.Errorf("%q is in %s", not, body)
		}
	}
	for _, want := range s.calls {
		if !slices.Contains(w.calls, want) {
			t.Errorf("no %q in %q", want, w.calls)
		}
	}
	for _, not := range s.never {
		for _, call := range w.calls {
			if strings.HasPrefix(call, not) {
				t.Errorf("%q was called", call)
			}
		}
	}
	if strings.HasPrefix(body, "<!") && res.Header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("Cache-Control %q", res.Header.Get("Cache-Control"))
	}
}

func (s scenario) checkCookies(t *testing.T, res *http.Response) {
	t.Helper()
	var got []string
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			got = append(got, "-"+c.Name)
			continue
		}
		got = append(got, c.Name+"="+c.Value)
		if !c.HttpOnly || c.Path != "/" || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("cookie %v", c)
		}
	}
	for _, want := range s.cookies {
		if !slices.Contains(got, want) {
			t.Errorf("no cookie %q in %q", want, got)
		}
	}
	if len(s.cookies) == 0 && len(got) > 0 {
		t.Errorf("cookies %q", got)
	}
}

func runAll(t *testing.T, list []scenario) {
	t.Helper()
	t.Parallel()
	for _, s := range list {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.run(t)
		})
	}
}

func noPassword(w *world, _ *Config)  { w.bare = true }
func noMail(w *world, _ *Config)      { w.off = true }
func noBudget(w *world, _ *Config)    { w.over = true }
func oneFactor(_ *world, cfg *Config) { cfg.SecondFactor = false }
