package session

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/users/login"
	"flashsale/users/login/codes"
	"flashsale/users/login/limits"
	"flashsale/views/account"
	"flashsale/views/layout"
)

// sentDocument is the answer to everybody who asks for a code, whether there is such an account or not.
type sentDocument struct {
	Message string `json:"message"`
}

// provedDocument tells a client that has proved an address what comes next.
type provedDocument struct {
	Email  string `json:"email"`
	SignUp bool   `json:"signUp"`
}

const sent = "If there is an address to send it to, a code is on its way. It can be used for ten minutes."

// SendCode sends a code for signing in.
func (hs *Handlers) SendCode(c echo.Context) error {
	v, err := values(c, request.Spec{fieldName: request.Text, fieldNext: request.Text})
	next := nextOf(v.text(fieldNext))
	if err == nil {
		err = hs.sendCode(c, v, next)
	}
	return hs.refused(c, err, formPage(c, hs.sendForm(c, next, v.text(fieldName))))
}

func (hs *Handlers) sendCode(c echo.Context, v fields, next string) error {
	if !hs.mail() {
		return request.ErrMailOff
	}
	typed, err := v.required(fieldName)
	if err != nil {
		return err
	}
	name, err := request.NormalName(typed, fieldName)
	if err != nil {
		return err
	}
	if err := hs.attemptAs(c, limits.Code, name); err != nil {
		return err
	}
	flow, err := hs.cfg.Codes.Begin(c.Request().Context(), typed, asker(c, cookie(c, cookieFlow)))
	if err != nil {
		return problem(err, fieldName, request.ErrWrongSignIn)
	}
	setCookie(c, cookieFlow, flow)
	return done(c, carrying("/sign-in/code/verify", next), http.StatusAccepted, sentDocument{Message: sent})
}

// asker is the browser that asks for a code. flow is what it has of a code before.
func asker(c echo.Context, flow string) codes.Asker {
	return codes.Asker{Flow: flow, Network: request.Network(c.Request().RemoteAddr)}
}

// sendForm asks for the name again.
func (hs *Handlers) sendForm(c echo.Context, next, name string) account.Page {
	input := nameInput(c, name)
	input.Label, input.Autocomplete, input.Focus = say(c, "E-mail or username"), "email", true
	return account.Page{
		Frame: hs.frame(c, say(c, "Sign in by e-mail")),
		Forms: []account.Form{{Action: "/sign-in/code", Hidden: hiddenNext(next), Inputs: []account.Input{input}, Submit: say(c, "Send me a code")}},
		Links: []layout.Link{{Label: say(c, "Sign in with a password"), Path: carrying("/sign-in", next)}},
	}
}

// CodePage asks for the code.
func (hs *Handlers) CodePage(c echo.Context) error {
	next := asked(c)
	if !hs.mail() || cookie(c, cookieFlow) == "" {
		return c.Redirect(http.StatusSeeOther, carrying("/sign-in", next))
	}
	return hs.send(c, http.StatusOK, account.FormPage(hs.codeForm(c, next)))
}

// VerifyCode signs in by the code that was sent for this browser.
func (hs *Handlers) VerifyCode(c echo.Context) error {
	v, err := values(c, request.Spec{fieldCode: request.Text, fieldNext: request.Text})
	next := nextOf(v.text(fieldNext))
	if err == nil {
		err = hs.verifyCode(c, v, next)
	}
	return hs.refused(c, err, formPage(c, hs.codeForm(c, next)))
}

func (hs *Handlers) verifyCode(c echo.Context, v fields, next string) error {
	if !hs.mail() {
		return request.ErrMailOff
	}
	code, err := v.required(fieldCode)
	if err != nil {
		return err
	}
	flow := cookie(c, cookieFlow)
	if flow == "" {
		if err := hs.attempt(c, limits.CodeVerify); err != nil {
			return err
		}
		return request.ErrCodeExpired
	}
	if err := hs.attempt(c, limits.CodeVerify, limits.FlowKey(flow)); err != nil {
		return err
	}
	since, err := hs.cfg.Sessions.Version(c.Request().Context())
	if err != nil {
		return err
	}
	proof, err := hs.cfg.Codes.Verify(c.Request().Context(), flow, code)
	if err != nil {
		return problem(err, fieldCode, wrongCode())
	}
	return hs.admitProof(c, proof, since, next)
}

// admitProof signs in whoever has proved an address, or lets somebody new choose a name for it.
func (hs *Handlers) admitProof(c echo.Context, proof codes.Proof, since int64, next string) error {
	if proof.Account.ID != 0 {
		return hs.admit(c, byCode(proof.Account, since), next)
	}
	if err := hs.keep(c, cookieProof, proof.Email); err != nil {
		return err
	}
	clearCookie(c, cookieFlow)
	return done(c, carrying("/sign-up", next), http.StatusOK, provedDocument{Email: proof.Email, SignUp: true})
}

func (hs *Handlers) codeForm(c echo.Context, next string) account.Page {
	return account.Page{
		Frame: hs.frame(c, say(c, "Type the code")), Lead: []string{say(c, sent)},
		Forms: []account.Form{{Action: "/sign-in/code/verify", Hidden: hiddenNext(next), Inputs: []account.Input{codeInput(c)}, Submit: say(c, "Sign in")}},
		Links: []layout.Link{{Label: say(c, "No code came? Ask for another one"), Path: carrying("/sign-in", next)}},
	}
}

// LinkPage shows whom the link of a mail signs in, with a button. It spends nothing: scanners open the links of mails.
func (hs *Handlers) LinkPage(c echo.Context) error {
	unreferred(c)
	if !hs.mail() {
		return request.ErrMailOff
	}
	proof, err := hs.cfg.Codes.Peek(c.Request().Context(), request.Param(c, "token"))
	if err != nil {
		return linkProblem(err)
	}
	return hs.send(c, http.StatusOK, account.FormPage(hs.linkForm(c, proof)))
}

// SpendLink signs in by the link of a mail.
func (hs *Handlers) SpendLink(c echo.Context) error {
	unreferred(c)
	if !hs.mail() {
		return request.ErrMailOff
	}
	if err := hs.attempt(c, limits.CodeVerify); err != nil {
		return err
	}
	since, err := hs.cfg.Sessions.Version(c.Request().Context())
	if err != nil {
		return err
	}
	proof, err := hs.cfg.Codes.Spend(c.Request().Context(), request.Param(c, "token"))
	if err != nil {
		return linkProblem(err)
	}
	return hs.admitProof(c, proof, since, "")
}

// linkProblem says of every link that does not work the same.
func linkProblem(err error) error {
	if errors.Is(err, login.ErrRefused) || errors.Is(err, login.ErrExpired) {
		return request.ErrCodeExpired
	}
	return err
}

func (hs *Handlers) linkForm(c echo.Context, proof codes.Proof) account.Page {
	page := account.Page{Frame: hs.frame(c, say(c, "Sign in")), Forms: []account.Form{{Action: c.Request().URL.EscapedPath()}}}
	if proof.Account.ID != 0 {
		page.Lead, page.Forms[0].Submit = []string{say(c, "This link signs this browser in as %s.", proof.Account.Username)}, say(c, "Sign in as %s", proof.Account.Username)
		return page
	}
	page.Lead, page.Forms[0].Submit = []string{say(c, "This link proves that %s is your address. Nobody has an account with it yet.", proof.Email)}, say(c, "Go on to sign up")
	return page
}
