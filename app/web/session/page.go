package session

import (
	"bytes"
	"net/http"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/static"
	"flashsale/users/login"
	"flashsale/views/account"
	"flashsale/views/layout"
	"flashsale/views/text"
)

// frame surrounds a page.
func (hs *Handlers) frame(c echo.Context, title string) layout.Frame {
	return layout.Frame{
		Assets: hs.cfg.Assets(), Title: title, Still: true,
		Visitor: hs.visitor(c),
	}
}

func (hs *Handlers) visitor(c echo.Context) layout.Visitor {
	who := hs.cfg.Who(c.Request())
	return layout.Visitor{Accounts: true, Username: who.Username, Desk: who.Role != login.NoRole}
}

// onDesk is frame for a page of the desk: it has the bar of the places, and no link to where it is.
func (hs *Handlers) onDesk(c echo.Context, title string) (layout.Frame, []layout.Place) {
	frame := hs.frame(c, title)
	if hs.cfg.Places == nil {
		return frame, nil
	}
	frame.Visitor.Desk, frame.Sheet = false, static.URL("desk.css")
	return frame, hs.cfg.Places(c)
}

// send writes a page. Nobody keeps it: it is about one person, and some of it is shown once.
func (hs *Handlers) send(c echo.Context, status int, page templ.Component) error {
	var out bytes.Buffer
	if err := page.Render(layout.At(c.Request().Context(), request.PageAddress(c.Request())), &out); err != nil {
		return err
	}
	private(c)
	request.MarkLanguage(c, "Accept")
	return c.HTMLBlob(status, out.Bytes())
}

func private(c echo.Context) {
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, "private, no-store")
	h.Set("Vary", "Accept, Cookie")
}

// unreferred is for pages whose address is a secret: no other page is told of it.
func unreferred(c echo.Context) { c.Response().Header().Set("Referrer-Policy", "no-referrer") }

// refused answers a form that did nothing: a browser gets the page again with the errors in it, everybody else the problem.
// Faults are not the form's, and are shown as every other.
func (hs *Handlers) refused(c echo.Context, err error, again func(request.Problem) templ.Component) error {
	if err == nil {
		return nil
	}
	p := request.ProblemOf(err)
	fault := p.Status >= http.StatusInternalServerError && p.RetryAfter == 0
	if fault || !request.WantsPage(c.Request()) || p.Type == request.ErrSignIn.Problem("").Type {
		return err
	}
	if p.RetryAfter > 0 {
		c.Response().Header().Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	return hs.send(c, p.Status, again(p))
}

// formPage is a page with nothing but forms, to be shown again with the errors of a problem.
func formPage(c echo.Context, page account.Page) func(request.Problem) templ.Component {
	return func(p request.Problem) templ.Component { return account.FormPage(marked(c, page, p)) }
}

// marked puts the errors of a problem at their fields. The first of them gets the focus, and what belongs to no field is said
// above the forms.
func marked(c echo.Context, page account.Page, p request.Problem) account.Page {
	for _, e := range p.Errors {
		if !mark(c, page.Forms, e) && page.Problem == "" {
			page.Problem = sentence(said(c, e.Field, e))
		}
	}
	if len(p.Errors) == 0 {
		page.Problem = inALine(c, p)
	}
	focus(page.Forms)
	return page
}

// inALine is a problem above a form: what happened, and what to do now.
func inALine(c echo.Context, p request.Problem) string {
	told := p.For(text.From(c.Request().Context()))
	if p.RetryAfter > 0 {
		told.Now = nextAttempt(c, p.RetryAfter)
	}
	return sentence(told.Happened) + " " + told.Now
}

// isRequired is said of a field that is empty.
const isRequired = "is required"

// said is what is wrong with a field, in the language of the page. A message that is a whole sentence begins with a capital.
func said(c echo.Context, label string, e request.FieldProblem) string {
	message := e.Say(text.From(c.Request().Context()))
	if first, _ := utf8.DecodeRuneInString(e.Message); unicode.IsUpper(first) {
		return message
	}
	return label + " " + message
}

func mark(c echo.Context, forms []account.Form, e request.FieldProblem) bool {
	for f := range forms {
		for i := range forms[f].Inputs {
			if in := &forms[f].Inputs[i]; in.Name == e.Field {
				in.Error = sentence(said(c, in.Label, e))
				return true
			}
		}
	}
	return false
}

// focus puts the cursor into the first field with an error, else where it was.
func focus(forms []account.Form) {
	for f := range forms {
		for i := range forms[f].Inputs {
			if forms[f].Inputs[i].Error == "" {
				continue
			}
			unfocused(forms)
			forms[f].Inputs[i].Focus = true
			return
		}
	}
}

func unfocused(forms []account.Form) {
	for f := range forms {
		for i := range forms[f].Inputs {
			forms[f].Inputs[i].Focus = false
		}
	}
}

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(first)) + s[size:]
	if last := s[len(s)-1]; last != '.' && last != '!' && last != '?' {
		s += "."
	}
	return s
}

// nextAttempt says how long to wait.
func nextAttempt(c echo.Context, seconds int) string {
	if seconds < 120 {
		return say(c, "The next attempt is taken in %d seconds.", seconds)
	}
	return say(c, "The next attempt is taken in %d minutes.", (seconds+59)/60)
}

// moment is a time for people, in UTC.
func moment(c echo.Context, t time.Time) account.Moment {
	return account.Moment{Text: text.Minute(c.Request().Context(), t), ISO: t.UTC().Format(request.InstantLayout)}
}

// say is a text in the language of the request.
func say(c echo.Context, key string, args ...any) string {
	return text.Say(c.Request().Context(), key, args...)
}

// done answers a form that did what it should: a browser is led on, everybody else gets a document, or nothing.
func done(c echo.Context, next string, status int, document any) error {
	private(c)
	if request.WantsPage(c.Request()) {
		return c.Redirect(http.StatusSeeOther, next)
	}
	if document == nil {
		return c.NoContent(status)
	}
	return request.WriteJSON(c, status, document)
}
