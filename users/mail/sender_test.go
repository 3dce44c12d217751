package mail

import (
	"bytes"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

const from = "The shop <shop@example.com>"

func (s *Sender) counted(r result) float64 {
	return testutil.ToFloat64(s.metrics.mails.WithLabelValues(string(r)))
}

func TestAMailArrives(t *testing.T) {
	t.Parallel()
	for name, with := range map[string]struct{ encrypted, implicit bool }{"plain on this machine": {}, "STARTTLS": {true, false}, "TLS": {true, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := newSink(t, with.encrypted, with.implicit)
			to.at.User, to.at.Password = "shop", "p4ssw0rd"
			s := running(t, Config{Server: &to.at, From: from})
			must(t, s.Send(Message{To: "ann@example.org", Subject: "Grüße", Text: "six digits: 012345\n", HTML: "<p>012345</p>"}))
			got := to.mails(t, 1)[0]
			if got.from != "shop@example.com" || got.to != "ann@example.org" || to.user != "shop" {
				t.Errorf("from %q to %q by %q", got.from, got.to, to.user)
			}
			has(t, got.data, "six digits: 012345", "<p>012345</p>", "Auto-Submitted: auto-generated", `From: "The shop" <shop@example.com>`, "Subject: =?UTF-8?")
			eventually(t, func() bool { return s.counted(sent) == 1 && s.queue.waiting() == 0 })
		})
	}
}

// A server elsewhere that offers no TLS would let everybody on the way read the codes.
func TestAServerElsewhereMustOfferTLS(t *testing.T) {
	t.Parallel()
	for host, demanded := range map[string]bool{"smtp.example.com": true, "10.0.0.1": true, "127.0.0.1": false, "::1": false, "localhost": false, "localhost.example": true} {
		if got := (Server{Host: host}).policy().String() == "TLSMandatory"; got != demanded {
			t.Errorf("%s: TLS is demanded: %v", host, got)
		}
	}
	// The sink is here, under a name that is not known to be.
	to := newSink(t, false, false)
	to.at.Host = "0.0.0.0"
	s := running(t, Config{Server: &to.at, From: from})
	must(t, s.Send(Message{To: "ann@example.org", Text: "secret"}))
	eventually(t, func() bool { return s.counted(refused) == 1 })
	if len(to.got) != 0 {
		t.Errorf("the mail went over the wire: %v", to.got)
	}
}

func TestAServerThatNobodyVouchesForGetsNothing(t *testing.T) {
	t.Parallel()
	to := newSink(t, true, false)
	to.at.Roots = nil
	s := running(t, Config{Server: &to.at, From: from})
	must(t, s.Send(Message{To: "ann@example.org", Text: "secret"}))
	eventually(t, func() bool { return s.counted(refused) == 1 })
}

func TestAMailIsTriedAgainAfterAPassingRefusal(t *testing.T) {
	t.Parallel()
	to := newSink(t, false, false)
	to.refusals = []*smtp.SMTPError{{Code: 451, Message: "greylisted"}}
	s := running(t, Config{Server: &to.at, From: from})
	began := time.Now()
	must(t, s.Send(Message{To: "ann@example.org", Text: "a"}))
	to.mails(t, 1)
	if took := time.Since(began); took < time.Second {
		t.Errorf("after %s", took)
	}
	eventually(t, func() bool { return s.counted(sent) == 1 })
}

func TestAMailIsTriedAgainWhenTheServerWasAway(t *testing.T) {
	t.Parallel()
	to := newSink(t, false, false)
	away := to.at
	away.Port = 1
	s := NewSender(Config{Server: &away, From: from})
	_, err := s.deliver(t.Context(), nil, entry{})
	if err == nil || !passing(err) {
		t.Fatalf("nobody listens: %v", err)
	}
}

// What the server says about it names the address, and a log is read by others than the mail.
func TestAMailThatIsRefusedIsGivenUpAndItsAddressIsInNoLog(t *testing.T) {
	t.Parallel()
	to := newSink(t, false, false)
	to.refusals = []*smtp.SMTPError{{Code: 550, Message: "no such mailbox ann@example.org"}}
	var log lockedBuffer
	s := running(t, Config{Server: &to.at, From: from, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	must(t, s.Send(Message{To: "ann@example.org", Subject: "123456", Text: "123456"}))
	eventually(t, func() bool { return s.counted(refused) == 1 })
	must(t, s.Send(Message{To: "bob@example.org", Text: "a"})) // the next one is not harmed
	to.mails(t, 1)
	eventually(t, func() bool { return log.String() != "" })
	if text := log.String(); strings.Contains(text, "ann") || strings.Contains(text, "123456") || !strings.Contains(text, "550") {
		t.Error(text)
	}
}

func TestAWrongPasswordIsInNoLog(t *testing.T) {
	t.Parallel()
	to := newSink(t, false, false)
	to.at.User, to.at.Password = "shopuser", "hunter2"
	var log lockedBuffer
	s := running(t, Config{Server: &to.at, From: from, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	must(t, s.Send(Message{To: "ann@example.org", Text: "a"}))
	eventually(t, func() bool { return s.counted(refused) == 1 && log.String() != "" })
	if text := log.String(); strings.Contains(text, "hunter2") || strings.Contains(text, "shopuser") || !strings.Contains(text, "535") {
		t.Error(text)
	}
	if err := to.at.Probe(t.Context()); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}

func TestAMailIsNotTriedWhenItIsOfNoUseAnyMore(t *testing.T) {
	t.Parallel()
	to := newSink(t, false, false)
	to.refusals = []*smtp.SMTPError{{Code: 451}, {Code: 451}, {Code: 451}}
	s := running(t, Config{Server: &to.at, From: from})
	must(t, s.Send(Message{To: "ann@example.org", Text: "a", Until: time.Now().Add(500 * time.Millisecond)}))
	eventually(t, func() bool { return s.counted(late) == 1 })
	if s.queue.waiting() != 0 || len(to.got) != 0 {
		t.Errorf("%d wait, %d sent", s.queue.waiting(), len(to.got))
	}
}

func TestAFullQueueRefuses(t *testing.T) {
	t.Parallel()
	to := newSink(t, false, false)
	to.block = make(chan struct{})
	s := running(t, Config{Server: &to.at, From: from, Room: 6})
	for i := range 6 {
		must(t, s.Send(Message{To: "u" + strconv.Itoa(i) + "@example.org", Text: "a"}))
	}
	// Those that are being sent count, too.
	eventually(t, func() bool { s.queue.mu.Lock(); defer s.queue.mu.Unlock(); return s.queue.taken == workers })
	if !s.Full() {
		t.Error("there is room")
	}
	wants(t, s.Send(Message{To: "last@example.org", Text: "a"}), ErrFull)
	close(to.block)
	to.mails(t, 6)
	eventually(t, func() bool { return !s.Full() && s.counted(full) == 1 && s.counted(sent) == 6 })
}

func TestManyMailsShareConnections(t *testing.T) {
	t.Parallel()
	to := newSink(t, true, false)
	s := running(t, Config{Server: &to.at, From: from})
	for i := range 200 {
		must(t, s.Send(Message{To: "u" + strconv.Itoa(i) + "@example.org", Text: "a"}))
	}
	to.mails(t, 200)
	to.mu.Lock()
	defer to.mu.Unlock()
	if to.connections > 2*workers { // STARTTLS begins a second session
		t.Errorf("%d connections", to.connections)
	}
}

func TestNobodyAddsHeadersOrRecipients(t *testing.T) {
	t.Parallel()
	s := NewSender(Config{Mailbox: new(Mailbox)})
	for _, m := range []Message{
		{To: "ann@example.org\r\nBcc: x@example.org"}, {To: "ann@example.org, bob@example.org"}, {To: "Ann <ann@example.org>"}, {To: ""}, {To: "ann"},
		{To: " ann@example.org"}, {To: "änn@example.org"}, {To: "ann@example.org", Subject: "hello\r\nBcc: x@example.org"}, {To: "ann@example.org", Subject: "a\x00"},
	} {
		wants(t, s.Send(m), ErrMessage)
	}
	if n := len(s.cfg.Mailbox.All()); n != 0 {
		t.Errorf("%d mails are kept", n)
	}
}

func TestTheMailboxKeepsTheLastMailsButNoPrivateOnes(t *testing.T) {
	t.Parallel()
	box := new(Mailbox)
	s := NewSender(Config{Mailbox: box})
	for i := range mailboxSize + 5 {
		must(t, s.Send(Message{To: "ann@example.org", Text: strconv.Itoa(i)}))
	}
	must(t, s.Send(Message{To: "owner@example.org", Text: "opens the desk", Private: true}))
	all := box.All()
	if len(all) != mailboxSize || all[0].Text != "104" || all[len(all)-1].Text != "5" {
		t.Errorf("%d mails, %s to %s", len(all), all[0].Text, all[len(all)-1].Text)
	}
	if one, ok := box.Mail(all[3].ID); !ok || one.Text != "101" {
		t.Errorf("%+v %v", one, ok)
	}
	if _, ok := box.Mail(1); ok {
		t.Error("the first mail is still there")
	}
	if s.counted(kept) != mailboxSize+6 || s.Full() {
		t.Errorf("%v kept", s.counted(kept))
	}
}

func TestPausesGrow(t *testing.T) {
	t.Parallel()
	for tries, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 6: 30 * time.Second, 1000: 30 * time.Second} {
		if got := pause(tries); got != want {
			t.Errorf("after %d tries: %s", tries, got)
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
