package session

import (
	"crypto/rand"
	"errors"
	"net/http"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"flashsale/app/operator"
	"flashsale/app/web/request"
	"flashsale/events/audit"
	"flashsale/users/login"
	"flashsale/views/account"
	"flashsale/views/layout"
	"flashsale/views/text"
)

const fieldRole = "role"

type memberDocument struct {
	Username     string          `json:"username"`
	Role         string          `json:"role"`
	SecondFactor bool            `json:"secondFactor"`
	Since        request.Instant `json:"since"`
}

type teamDocument struct {
	Members []memberDocument `json:"members"`
}

type invitationDocument struct {
	// Link works once, and is shown once.
	Link    string          `json:"link"`
	Role    string          `json:"role"`
	Expires request.Instant `json:"expiresAt"`
}

type roleDocument struct {
	Username string `json:"username"`
	Before   string `json:"before"`
	Role     string `json:"role"`
}

// TeamPage shows everybody with a role, and the tokens.
func (hs *Handlers) TeamPage(c echo.Context) error {
	page, err := hs.teamPage(c)
	if err != nil {
		return err
	}
	page.Notice = teamNotice(c, c.QueryParam("notice"))
	return hs.send(c, http.StatusOK, account.TeamPage(page))
}

// teamNotice is the sentence for what an act did. The query only selects it.
func teamNotice(c echo.Context, name string) string {
	switch name {
	case "role":
		return say(c, "The role is changed. The sessions of that account have ended.")
	case "second-factor":
		return say(c, "The second factor is gone. At the next sign-in a new one is set up.")
	case "revoked":
		return say(c, "The token does not work any more.")
	}
	return ""
}

// Team lists everybody with a role.
func (hs *Handlers) Team(c echo.Context) error {
	members, err := hs.cfg.Acts.Team(c.Request().Context())
	if err != nil {
		return err
	}
	d := teamDocument{Members: make([]memberDocument, 0, len(members))}
	for _, m := range members {
		d.Members = append(d.Members, memberDocument{m.Username, m.Role.String(), m.SecondFactor, request.Instant(m.GivenAt)})
	}
	private(c)
	return request.WriteJSON(c, http.StatusOK, d)
}

func (hs *Handlers) teamPage(c echo.Context) (account.Team, error) {
	ctx := c.Request().Context()
	members, err := hs.cfg.Acts.Team(ctx)
	if err != nil {
		return account.Team{}, err
	}
	tokens, err := hs.cfg.Acts.Tokens(ctx)
	if err != nil {
		return account.Team{}, err
	}
	who := hs.cfg.Who(c.Request())
	frame, places := hs.onDesk(c, say(c, "Team"))
	page := account.Team{
		Places: places,
		Page:   account.Page{Frame: frame, Forms: []account.Form{{Inputs: tokenInputs(c, "", "")}}, Links: []layout.Link{{Label: say(c, "Your account"), Path: "/account"}}},
		Roles:  []string{login.Viewer.String(), login.Operator.String(), login.Owner.String()}, Scopes: scopeChoices(c), Key: rand.Text(),
	}
	for _, m := range members {
		page.Members = append(page.Members, account.Member{
			Username: m.Username, Role: m.Role.String(), SecondFactor: m.SecondFactor, Since: moment(c, m.GivenAt), Self: m.Username == who.Username,
		})
	}
	for i := range tokens {
		page.Tokens = append(page.Tokens, hs.tokenRow(c, &tokens[i]))
	}
	return page, nil
}

// act reads an act of an owner: who acts, the key, and the fields of the body.
func (hs *Handlers) act(c echo.Context, known request.Spec) (operator.Act, fields, error) {
	r := c.Request()
	body, err := request.ReadBody(r, make([]byte, request.MaxBody+1))
	if err != nil {
		return operator.Act{}, nil, err
	}
	conditions, body, err := request.Conditions(r.Header, body)
	if err != nil {
		return operator.Act{}, nil, err
	}
	key, err := request.IdempotencyKey(conditions)
	if err != nil {
		return operator.Act{}, nil, err
	}
	v, err := request.DecodeBody(r.Header, body, known)
	if err != nil {
		return operator.Act{}, fields(textsOf(request.Form(r.Header, body))), err
	}
	who := hs.cfg.Who(r)
	a := actOf(c, who.Account, who.Username, who.Means)
	a.Key, a.Digest = key, request.Digest(r, body)
	return a, fields(v), nil
}

// actOf is an act of an account, without a key.
func actOf(c echo.Context, account int64, username, means string) operator.Act {
	r := c.Request()
	return operator.Act{
		Account: account, Network: request.Client(r), Means: means, Waits: request.WantsPage(r),
		ActKey: audit.ActKey{Principal: username, Route: r.Method + " " + c.Path()},
	}
}

// teamRefused shows the team's page with what went wrong.
func (hs *Handlers) teamRefused(c echo.Context, err error, v fields) error {
	return hs.refused(c, teamProblem(err), func(p request.Problem) templ.Component {
		page, again := hs.teamPage(c)
		if again != nil {
			frame, places := hs.onDesk(c, say(c, "Team"))
			page = account.Team{Page: account.Page{Frame: frame}, Places: places}
		} else {
			page.Forms[0].Inputs = tokenInputs(c, v.text(fieldName), v.text(fieldDays))
		}
		page.Page = marked(c, page.Page, p)
		return account.TeamPage(page)
	})
}

// teamProblem names the field of what is wrong with one. Every other error is in the table of all routes.
func teamProblem(err error) error {
	switch {
	case errors.Is(err, login.ErrNotOwner):
		p := request.ErrNotOperator.Problem("This needs the role owner, and you have it no more")
		return &request.ProblemError{Kind: request.ErrNotOperator, Problem: p}
	case errors.Is(err, login.ErrCooling):
		return later(request.ErrTooMany, coolDown)
	case errors.Is(err, login.ErrTokenName):
		return request.BadField(fieldName, text.Key("must be of 1 to 60 characters and not that of another token of yours"))
	case errors.Is(err, login.ErrTokenLife):
		return request.BadField(fieldDays, text.Key("must be a whole number from 1 to 365"))
	case errors.Is(err, login.ErrScope):
		return request.BadField(fieldScopes, text.Key(`must be at least one of read, operate and export, as far as your role allows; a program sends one text with spaces, like "read operate"`))
	case errors.Is(err, login.ErrRole):
		return request.BadField(fieldRole, text.Key("must be viewer, operator or owner"))
	}
	return err
}

// Invite makes a link that gives a role.
func (hs *Handlers) Invite(c echo.Context) error {
	a, v, err := hs.act(c, request.Spec{fieldRole: request.Text})
	if err == nil {
		err = hs.invite(c, a, v)
	}
	return hs.teamRefused(c, err, v)
}

func (hs *Handlers) invite(c echo.Context, a operator.Act, v fields) error {
	role, err := login.ParseRole(v.text(fieldRole))
	if err != nil {
		return err
	}
	made, err := hs.cfg.Acts.Invite(c.Request().Context(), a, role)
	if err != nil {
		return err
	}
	if made.Token == "" {
		return request.ErrShownBefore
	}
	link := hs.origin(c) + "/invitations/" + made.Token
	private(c)
	if !request.WantsPage(c.Request()) {
		return request.WriteJSON(c, http.StatusCreated, invitationDocument{Link: link, Role: role.String(), Expires: request.Instant(made.Expires)})
	}
	return hs.send(c, http.StatusCreated, account.SecretsPage(account.Secrets{
		Page: account.Page{Frame: hs.frame(c, say(c, "Invitation")), Lead: []string{
			say(c, "Send this link to the person who gets the role %s. It is shown once, works once, and ends on %s.",
				say(c, role.String()), moment(c, made.Expires).Text),
		}},
		Label: say(c, "Link"), Secret: link, Next: layout.Link{Label: say(c, "Back to the team"), Path: "/admin/team"},
	}))
}

// origin begins the links that are sent to others.
func (hs *Handlers) origin(c echo.Context) string {
	return request.Origin(c.Request(), hs.cfg.PublicURL)
}

// SetRole changes what somebody may do; "none" takes the role away.
func (hs *Handlers) SetRole(c echo.Context) error {
	a, v, err := hs.act(c, request.Spec{fieldRole: request.Text})
	if err == nil {
		err = hs.setRole(c, a, v)
	}
	return hs.teamRefused(c, err, v)
}

func (hs *Handlers) setRole(c echo.Context, a operator.Act, v fields) error {
	role, shown := login.NoRole, v.text(fieldRole)
	if shown != "none" {
		var err error
		if role, err = login.ParseRole(shown); err != nil {
			return request.BadField(fieldRole, text.Key("must be viewer, operator, owner or none"))
		}
	}
	change, err := hs.cfg.Acts.SetRole(c.Request().Context(), a, request.Param(c, "username"), role)
	if err != nil {
		return err
	}
	return done(c, "/admin/team?notice=role", http.StatusOK, roleDocument{Username: change.Username, Before: roleName(change.Before), Role: roleName(change.After)})
}

// roleName is the name of a role, or "none".
func roleName(r login.Role) string {
	if r == login.NoRole {
		return "none"
	}
	return r.String()
}

// ResetFactor removes somebody's second factor.
func (hs *Handlers) ResetFactor(c echo.Context) error {
	a, v, err := hs.act(c, nil)
	if err == nil {
		_, err = hs.cfg.Acts.ResetSecondFactor(c.Request().Context(), a, request.Param(c, "username"))
	}
	if err == nil {
		return done(c, "/admin/team?notice=second-factor", http.StatusNoContent, nil)
	}
	return hs.teamRefused(c, err, v)
}
