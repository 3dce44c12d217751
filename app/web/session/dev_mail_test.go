package session

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/users/mail"
)

// devMailWithOne is a mailbox with one mail.
func devMailWithOne(t *testing.T) *DevMail {
	t.Helper()
	box := new(mail.Mailbox)
	s := mail.NewSender(mail.Config{Mailbox: box})
	if err := s.Send(mail.Message{To: "ann@example.org", Subject: "012345 <is> your code", Text: "<script>alert(1)</script>\nhttp://localhost/x"}); err != nil {
		t.Fatal(err)
	}
	return NewDevMail(box)
}

func askedDevMail(d *DevMail, path, from, host string, fields ...string) (string, error) {
	e := echo.New()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.RemoteAddr, r.Host = from, host
	for _, f := range fields {
		r.Header.Set(f, "x")
	}
	res := httptest.NewRecorder()
	var err error
	for _, route := range d.Routes() {
		e.Add(route.Method, route.Path, func(c echo.Context) error { err = route.Handler(c); return nil })
	}
	e.ServeHTTP(res, r)
	return res.Body.String(), err
}

func TestADeveloperReadsMailsOnThisMachine(t *testing.T) {
	t.Parallel()
	d := devMailWithOne(t)
	list, err := askedDevMail(d, "/dev/mail", "127.0.0.1:5000", "localhost:3001")
	if err != nil || !strings.Contains(list, `<a href="/dev/mail/1">012345 &lt;is&gt; your code</a>`) || !strings.Contains(list, "ann@example.org") {
		t.Errorf("%v\n%s", err, list)
	}
	one, err := askedDevMail(d, "/dev/mail/1", "[::1]:5000", "[::1]:3001")
	if err != nil || !strings.Contains(one, "&lt;script&gt;alert(1)&lt;/script&gt;\nhttp://localhost/x</pre>") {
		t.Errorf("%v\n%s", err, one)
	}
	for _, path := range []string{"/dev/mail/2", "/dev/mail/x", "/dev/mail/-1"} {
		if page, err := askedDevMail(d, path, "127.0.0.1:5000", "localhost"); !errors.Is(err, request.ErrNotFound) {
			t.Errorf("%s: %v %s", path, err, page)
		}
	}
	empty, err := askedDevMail(NewDevMail(new(mail.Mailbox)), "/dev/mail", "127.0.0.1:5000", "localhost")
	if err != nil || !strings.Contains(empty, "No mail yet") {
		t.Errorf("%v\n%s", err, empty)
	}
}

// A page of elsewhere whose name leads to 127.0.0.1, a proxy on this machine, and another machine.
func TestNobodyElseReadsMails(t *testing.T) {
	t.Parallel()
	d := devMailWithOne(t)
	for _, c := range []struct{ from, host, field string }{
		{"127.0.0.1:1", "evil.example", ""}, {"127.0.0.1:1", "localhost.evil.example:3001", ""}, {"127.0.0.1:1", "", ""}, {"192.0.2.1:1", "localhost", ""},
		{"127.0.0.1:1", "localhost", "Forwarded"}, {"127.0.0.1:1", "localhost", "X-Forwarded-For"}, {"127.0.0.1:1", "localhost", "Via"}, {"", "localhost", ""},
	} {
		var fields []string
		if c.field != "" {
			fields = append(fields, c.field)
		}
		for _, path := range []string{"/dev/mail", "/dev/mail/1"} {
			if page, err := askedDevMail(d, path, c.from, c.host, fields...); !errors.Is(err, request.ErrNotFound) || strings.Contains(page, "ann@") {
				t.Errorf("%+v %s: %v", c, path, err)
			}
		}
	}
}
