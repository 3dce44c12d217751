package session

import (
	"bytes"
	"errors"
	"fmt"
	"image/png"
	"net/http"
	"strings"

	"github.com/a-h/templ"
	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/qr"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/users/login"
	"flashsale/users/login/limits"
	"flashsale/views/account"
	"flashsale/views/layout"
)

// FactorPage asks for the code of the second factor, after the password.
func (hs *Handlers) FactorPage(c echo.Context) error {
	next := asked(c)
	if _, err := hs.half(c); err != nil {
		return c.Redirect(http.StatusSeeOther, carrying("/sign-in", next))
	}
	return hs.send(c, http.StatusOK, account.FormPage(hs.factorForm(c, next)))
}

// Factor ends a sign-in with the code of the second factor.
func (hs *Handlers) Factor(c echo.Context) error {
	v, err := values(c, request.Spec{fieldCode: request.Text, fieldNext: request.Text})
	next := nextOf(v.text(fieldNext))
	if err == nil {
		err = hs.factor(c, v, next)
	}
	return hs.refused(c, err, formPage(c, hs.factorForm(c, next)))
}

func (hs *Handlers) factor(c echo.Context, v fields, next string) error {
	who, err := hs.half(c)
	if err != nil {
		return request.ErrCodeExpired
	}
	code, err := v.required(fieldCode)
	if err != nil {
		return err
	}
	if err := hs.attempt(c, limits.SecondFactor, limits.AccountKey(who.ID)); err != nil {
		return err
	}
	ctx := c.Request().Context()
	if err := hs.cfg.Sessions.Unchanged(ctx, who.ID, who.since); err != nil {
		return problem(err, fieldCode, request.ErrCodeExpired)
	}
	if err := hs.cfg.Factors.Check(ctx, who.ID, code); err != nil {
		return problem(err, fieldCode, wrongFactor())
	}
	if who.Account, err = hs.account(ctx, who.ID); err != nil {
		return problem(err, fieldCode, request.ErrCodeExpired)
	}
	// Again, because the password may have been changed meanwhile.
	if err := hs.cfg.Sessions.Unchanged(ctx, who.ID, who.since); err != nil {
		return problem(err, fieldCode, request.ErrCodeExpired)
	}
	return hs.start(c, who, http.StatusOK, onward(next))
}

func (hs *Handlers) factorForm(c echo.Context, next string) account.Page {
	code := codeInput(c)
	code.Hint = say(c, "Six digits from your authenticator app, or one of your recovery codes.")
	return account.Page{
		Frame: hs.frame(c, say(c, "Second factor")),
		Forms: []account.Form{{Action: "/sign-in/second-factor", Hidden: hiddenNext(next), Inputs: []account.Input{code}, Submit: say(c, "Sign in")}},
		Links: []layout.Link{{Label: say(c, "Sign in as somebody else"), Path: carrying("/sign-in", next)}},
	}
}

// enrolmentDocument is what an authenticator app needs to know.
type enrolmentDocument struct {
	Enrolled bool   `json:"enrolled"`
	Secret   string `json:"secret,omitzero"`
	URI      string `json:"uri,omitzero"`
}

// recoveryDocument is the recovery codes, which are shown once.
type recoveryDocument struct {
	RecoveryCodes []string `json:"recoveryCodes"`
}

// EnrolPage shows the secret to put into an authenticator app.
func (hs *Handlers) EnrolPage(c echo.Context) error {
	who, err := hs.signedIn(c)
	if err != nil {
		return err
	}
	enrolment, err := hs.cfg.Factors.Begin(c.Request().Context(), who.Account, who.Username)
	enrolled := errors.Is(err, login.ErrEnrolled)
	if err != nil && !enrolled {
		return err
	}
	private(c)
	if !request.WantsPage(c.Request()) {
		return request.WriteJSON(c, http.StatusOK, enrolmentDocument{Enrolled: enrolled, Secret: enrolment.Secret, URI: enrolment.URI})
	}
	return hs.send(c, http.StatusOK, account.SecondFactorPage(hs.enrolForm(c, enrolment, enrolled, asked(c))))
}

// Picture is the QR code of the secret.
func (hs *Handlers) Picture(c echo.Context) error {
	who, err := hs.signedIn(c)
	if err != nil {
		return err
	}
	enrolment, err := hs.cfg.Factors.Begin(c.Request().Context(), who.Account, who.Username)
	if errors.Is(err, login.ErrEnrolled) {
		return request.ErrSecondFactorDone
	}
	if err != nil {
		return err
	}
	picture, err := drawn(enrolment.URI)
	if err != nil {
		return err
	}
	private(c)
	return c.Blob(http.StatusOK, "image/png", picture)
}

// drawn is a QR code as PNG with a white rim, so that it can be read in the dark palette too.
func drawn(text string) ([]byte, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, fmt.Errorf("draw a QR code: %w", err)
	}
	const dot = 8 // pixels
	side := code.Bounds().Dx() * dot
	large, err := barcode.Scale(code, side, side)
	if err != nil {
		return nil, fmt.Errorf("draw a QR code: %w", err)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, large); err != nil {
		return nil, fmt.Errorf("draw a QR code: %w", err)
	}
	return out.Bytes(), nil
}

// Enrol takes the first code from the app and shows the recovery codes. The session is a new one from then on.
func (hs *Handlers) Enrol(c echo.Context) error {
	who, err := hs.signedIn(c)
	if err != nil {
		return err
	}
	v, err := values(c, request.Spec{fieldCode: request.Text, fieldNext: request.Text})
	next := nextOf(v.text(fieldNext))
	if err == nil {
		err = hs.enrol(c, who, v, next)
	}
	return hs.refused(c, err, func(p request.Problem) templ.Component {
		enrolment, again := hs.cfg.Factors.Begin(c.Request().Context(), who.Account, who.Username)
		page := hs.enrolForm(c, enrolment, again != nil, next)
		page.Page = marked(c, page.Page, p)
		return account.SecondFactorPage(page)
	})
}

func (hs *Handlers) enrol(c echo.Context, who Visitor, v fields, next string) error {
	code, err := v.required(fieldCode)
	if err != nil {
		return err
	}
	if err := hs.attempt(c, limits.SecondFactor, limits.AccountKey(who.Account)); err != nil {
		return err
	}
	recovery, err := hs.cfg.Factors.Confirm(c.Request().Context(), who.Account, code)
	if errors.Is(err, login.ErrEnrolled) {
		return request.ErrSecondFactorDone
	}
	if err != nil {
		return problem(err, fieldCode, wrongFactor())
	}
	// The codes are lost if the rest fails, so it must not: without a new session the old one goes on.
	_ = hs.renew(c, who)
	private(c)
	if !request.WantsPage(c.Request()) {
		return request.WriteJSON(c, http.StatusOK, recoveryDocument{RecoveryCodes: recovery})
	}
	frame := hs.frame(c, say(c, "Recovery codes"))
	frame.Visitor.Username = who.Username // the request still has the session before
	return hs.send(c, http.StatusOK, account.SecretsPage(account.Secrets{
		Page: account.Page{Frame: frame, Lead: []string{
			say(c, "Your second factor is set up. These codes are shown once: print them, or write them down."),
			say(c, "When the app is lost, each of them signs you in once in its place."),
		}},
		Codes: recovery, Next: layout.Link{Label: say(c, "I have kept them"), Path: onward(next)},
	}))
}

func (hs *Handlers) enrolForm(c echo.Context, e login.Enrolment, done bool, next string) account.SecondFactor {
	page := account.SecondFactor{
		Page: account.Page{Frame: hs.frame(c, say(c, "Second factor")), Links: []layout.Link{{Label: say(c, "Back to the account"), Path: "/account"}}},
		Done: done, Picture: "/account/second-factor/qr.png", Secret: grouped(e.Secret),
	}
	if done {
		page.Lead = []string{say(c, "It is set up. When the app is lost, use a recovery code; without one, ask an owner to reset it.")}
		return page
	}
	page.Lead = []string{say(c, "Whoever has a role signs in with a password and with the codes of an app, so that a stolen password is not enough.")}
	page.Forms = []account.Form{{Action: "/account/second-factor", Hidden: hiddenNext(next), Inputs: []account.Input{codeInput(c)}, Submit: say(c, "Set it up")}}
	return page
}

// grouped has a blank after every four characters, for people who type.
func grouped(secret string) string {
	var out strings.Builder
	for i, r := range secret {
		if i > 0 && i%4 == 0 {
			out.WriteByte(' ')
		}
		out.WriteRune(r)
	}
	return out.String()
}
