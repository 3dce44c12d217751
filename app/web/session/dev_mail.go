package session

import (
	"bytes"
	"context"
	"net/http"
	"strconv"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/static"
	"flashsale/users/mail"
	"flashsale/views/account"
	"flashsale/views/text"
)

// Mailbox is mail.Mailbox: the last mails.
type Mailbox interface {
	All() []mail.Kept
	Mail(id int) (mail.Kept, bool)
}

// DevMail shows the last mails to a developer. Whoever reads them can sign in as anybody, so it answers only where the browser and
// the address in it are this machine's: a page of elsewhere whose name leads here, and what a proxy passes on, find nothing.
type DevMail struct{ box Mailbox }

// NewDevMail shows that mailbox.
func NewDevMail(box Mailbox) *DevMail { return &DevMail{box: box} }

const devMailPath = "/dev/mail"

// Routes are the pages of the mailbox.
func (d *DevMail) Routes() []request.Route {
	return []request.Route{
		{Method: "GET", Path: devMailPath, Handler: d.List, Who: request.Anybody},
		{Method: "GET", Path: devMailPath + "/:id", Handler: d.Mail, Who: request.Anybody},
	}
}

// List is the page of all mails.
func (d *DevMail) List(c echo.Context) error {
	if !local(c.Request()) {
		return request.ErrNotFound
	}
	var list []account.DevMail
	for _, one := range d.box.All() {
		list = append(list, devMail(c.Request().Context(), one))
	}
	return devPage(c, account.DevMailList(static.URL("app.css"), list))
}

// Mail is the page of one.
func (d *DevMail) Mail(c echo.Context) error {
	id, err := strconv.Atoi(request.Param(c, "id"))
	one, found := d.box.Mail(id)
	if err != nil || !found || !local(c.Request()) {
		return request.ErrNotFound
	}
	return devPage(c, account.DevMailPage(static.URL("app.css"), devMail(c.Request().Context(), one)))
}

func devMail(ctx context.Context, one mail.Kept) account.DevMail {
	return account.DevMail{
		Path: devMailPath + "/" + strconv.Itoa(one.ID), At: text.Moment(ctx, one.At),
		To: one.To, Subject: one.Subject, Text: one.Text,
	}
}

// local is true for a request of this machine that names this machine and that no proxy has passed on.
func local(r *http.Request) bool { return request.OfThisMachine(r) && !request.IsForwarded(r.Header) }

func devPage(c echo.Context, page templ.Component) error {
	var out bytes.Buffer
	if err := page.Render(c.Request().Context(), &out); err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	request.MarkLanguage(c)
	return c.HTMLBlob(http.StatusOK, out.Bytes())
}
