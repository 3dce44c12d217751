package session

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/operator"
	"flashsale/app/web/request"
	"flashsale/users/login"
	"flashsale/views/account"
	"flashsale/views/layout"
	"flashsale/views/text"
)

const (
	fieldScopes = "scopes"
	fieldDays   = "expiresDays"
	// The life of a token in days.
	longestDays, usualDays = 365, 90
)

type tokenDocument struct {
	ID       uuid.UUID        `json:"id"`
	Name     string           `json:"name"`
	Scopes   []string         `json:"scopes"`
	By       string           `json:"by"`
	Created  request.Instant  `json:"createdAt"`
	Expires  request.Instant  `json:"expiresAt"`
	LastUsed *request.Instant `json:"lastUsedAt,omitempty"`
	Revoked  *request.Instant `json:"revokedAt,omitempty"`
	// Secret is told once, to whoever made the token.
	Secret string `json:"secret,omitzero"`
}

type tokensDocument struct {
	Tokens []tokenDocument `json:"tokens"`
}

func tokenOf(t *login.Token) tokenDocument {
	return tokenDocument{
		ID: t.ID, Name: t.Name, Scopes: t.Scopes.Names(), By: t.Username, Created: request.Instant(t.Made),
		Expires: request.Instant(t.Expires), LastUsed: known(t.LastUsed), Revoked: known(t.Revoked),
	}
}

// known is a time that may not have come.
func known(t time.Time) *request.Instant {
	if t.IsZero() {
		return nil
	}
	i := request.Instant(t)
	return &i
}

// Tokens lists the API tokens, without their secrets.
func (hs *Handlers) Tokens(c echo.Context) error {
	tokens, err := hs.cfg.Acts.Tokens(c.Request().Context())
	if err != nil {
		return err
	}
	d := tokensDocument{Tokens: make([]tokenDocument, 0, len(tokens))}
	for i := range tokens {
		d.Tokens = append(d.Tokens, tokenOf(&tokens[i]))
	}
	private(c)
	return request.WriteJSON(c, http.StatusOK, d)
}

// CreateToken makes a token and shows its secret, once.
func (hs *Handlers) CreateToken(c echo.Context) error {
	known := request.Spec{fieldName: request.Text, fieldScopes: request.Words, fieldDays: request.Number}
	for _, s := range scopes() {
		known[s.name] = request.Flag
	}
	a, v, err := hs.act(c, known)
	if err == nil {
		err = hs.createToken(c, a, v)
	}
	return hs.teamRefused(c, err, v)
}

func (hs *Handlers) createToken(c echo.Context, a operator.Act, v fields) error {
	name, err := v.required(fieldName)
	if err != nil {
		return err
	}
	days, err := request.Values(v).Whole(fieldDays, 1, longestDays, usualDays)
	if err != nil {
		return err
	}
	may, err := v.scopes()
	if err != nil {
		return err
	}
	expires := hs.cfg.Now().Add(time.Duration(days) * 24 * time.Hour)
	made, err := hs.cfg.Acts.CreateToken(c.Request().Context(), a, name, may, expires)
	if err != nil {
		return err
	}
	if made.Secret == "" {
		return request.ErrShownBefore
	}
	private(c)
	if !request.WantsPage(c.Request()) {
		d := tokenOf(&made.Token)
		d.Secret = made.Secret
		return request.WriteJSON(c, http.StatusCreated, d)
	}
	return hs.send(c, http.StatusCreated, account.SecretsPage(account.Secrets{
		Page:  account.Page{Frame: hs.frame(c, say(c, "API token")), Lead: []string{say(c, "This is the token %s. It is shown once: put it where the program finds it.", name)}},
		Label: say(c, "Token"), Secret: made.Secret, Next: layout.Link{Label: say(c, "Back to the team"), Path: "/admin/team"},
	}))
}

// scopes are those that a body names: in a list of words, or as one field each, as a form sends them.
func (f fields) scopes() (login.Scope, error) {
	var may login.Scope
	for word := range strings.FieldsFuncSeq(f.text(fieldScopes), func(r rune) bool { return r == ' ' || r == ',' }) {
		s := scopeNamed(word)
		if s == 0 {
			return 0, login.ErrScope
		}
		may |= s
	}
	for _, s := range scopes() {
		if request.Values(f).FlagOr(s.name, false) {
			may |= s.scope
		}
	}
	if may == 0 {
		return 0, login.ErrScope
	}
	return may, nil
}

// RevokeToken ends a token before its time.
func (hs *Handlers) RevokeToken(c echo.Context) error {
	a, v, err := hs.act(c, nil)
	if err == nil {
		err = hs.revokeToken(c, a)
	}
	if err == nil {
		return done(c, "/admin/team?notice=revoked", http.StatusNoContent, nil)
	}
	return hs.teamRefused(c, err, v)
}

func (hs *Handlers) revokeToken(c echo.Context, a operator.Act) error {
	id, err := uuid.Parse(c.Param("id"))
	if err != nil {
		return request.ErrNoToken
	}
	_, err = hs.cfg.Acts.RevokeToken(c.Request().Context(), a, id)
	return err
}

// scopeWord is a scope with its name in the API and its explanation.
type scopeWord struct {
	scope       login.Scope
	name, label string
}

func scopes() []scopeWord {
	return []scopeWord{
		{login.Read, "read", text.Key("read what the desk shows")},
		{login.Operate, "operate", text.Key("act on sales, orders and shoppers")},
		{login.Export, "export", text.Key("take lists away as files")},
	}
}

func scopeNamed(name string) login.Scope {
	for _, s := range scopes() {
		if s.name == name {
			return s.scope
		}
	}
	return 0
}

func scopeChoices(c echo.Context) []account.Scope {
	var list []account.Scope
	for _, s := range scopes() {
		list = append(list, account.Scope{Name: s.name, Label: say(c, s.label), Chosen: s.scope == login.Read})
	}
	return list
}

func tokenInputs(c echo.Context, name, days string) []account.Input {
	if days == "" {
		days = strconv.Itoa(usualDays)
	}
	return []account.Input{
		{ID: "token-name", Name: fieldName, Label: say(c, "Name"), Type: "text", Autocomplete: "off", Value: name, MaxLength: "60", Hint: say(c, "Which program it is for.")},
		{ID: "token-days", Name: fieldDays, Label: say(c, "Days until it ends"), Type: "text", Mode: "numeric", Autocomplete: "off", Value: days, MaxLength: "3"},
	}
}

func (hs *Handlers) tokenRow(c echo.Context, t *login.Token) account.Token {
	row := account.Token{
		ID: t.ID.String(), Name: t.Name, Scopes: strings.Join(t.Scopes.Names(), ", "), By: t.Username, Expires: moment(c, t.Expires),
	}
	if !t.LastUsed.IsZero() {
		row.Used = moment(c, t.LastUsed)
	}
	switch {
	case !t.Revoked.IsZero():
		row.Over, row.State = true, say(c, "Revoked")
	case !t.Expires.After(hs.cfg.Now()):
		row.Over, row.State = true, say(c, "Expired")
	}
	return row
}
