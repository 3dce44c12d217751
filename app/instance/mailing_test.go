package instance

import (
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"flashsale/app/config"
	"flashsale/users/login/codes"
)

// smtpSink is a session of an SMTP server that hands over what it is given.
type smtpSink struct{ got chan string }

func (smtpSink) Mail(string, *smtp.MailOptions) error { return nil }
func (smtpSink) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (smtpSink) Reset()                               {}
func (smtpSink) Logout() error                        { return nil }
func (s smtpSink) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	s.got <- string(text)
	return err
}

func startSink(t *testing.T) (at config.SMTP, got chan string) {
	t.Helper()
	got = make(chan string, 10)
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return smtpSink{got}, nil }))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		_ = l.Close() // the server takes it only once it serves
		<-ended
	})
	return config.SMTP{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port}, got
}

// A code goes all the way: from the instance's own codes over SMTP, and into /dev/mail with a link that leads to the instance.
func TestACodeGoesByMail(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	at, got := startSink(t)
	d.Config.SMTP, d.Config.MailFrom, d.Config.MailDev = &at, "Shop <shop@example.com>", true
	a := d.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	flow, err := a.wiring.codes.Begin(ctx, "new@example.com", codes.Asker{})
	if err != nil {
		t.Fatal(err)
	}
	var text string
	select {
	case text = <-got:
	case <-ctx.Done():
		t.Fatal("no mail came")
	}
	code := regexp.MustCompile(`(?m)^    (\d{6})\r?$`).FindStringSubmatch(text)
	if code == nil || !strings.Contains(text, "To: <new@example.com>") || !strings.Contains(text, a.URL()+"/sign-in/link/") {
		t.Fatal(text)
	}
	if proof, err := a.wiring.codes.Verify(ctx, flow, code[1]); err != nil || proof != (codes.Proof{Email: "new@example.com"}) {
		t.Errorf("%+v %v", proof, err)
	}
	if status, page := fetch(t, a.URL()+"/dev/mail/1"); status != http.StatusOK || !strings.Contains(page, code[1]) {
		t.Errorf("%d %s", status, page)
	}
}

func TestWithoutAServerThereAreNoMails(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	if a.wiring.codes.On() {
		t.Error("codes are on")
	}
	if status, _ := fetch(t, a.URL()+"/dev/mail"); status != http.StatusNotFound {
		t.Errorf("/dev/mail: %d", status)
	}
}

func fetch(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}
