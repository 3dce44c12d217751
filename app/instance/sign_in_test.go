package instance

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashsale/app/operator"
	"flashsale/events/audit"
)

// goodPassword is that of everybody in these tests.
const goodPassword = "seven purple harbours 42"

// visitor is a browser: it keeps its cookies and sends them with every request. One at a time may use it.
type visitor struct {
	*client
	cookies map[string]string
	// header goes with every request: what a proxy in front adds.
	header map[string]string
}

func newVisitor(t *testing.T, base string) *visitor {
	t.Helper()
	return &visitor{client: newClient(t, base), cookies: map[string]string{}}
}

// visitorFrom is a browser on another address of this machine.
func visitorFrom(t *testing.T, address, base string) *visitor {
	t.Helper()
	return &visitor{client: clientFrom(t, address, base), cookies: map[string]string{}}
}

// send may be used on any goroutine: a request without an answer has status 0.
func (v *visitor) send(method, path string, body any) reply {
	v.T.Helper()
	h := http.Header{}
	for name, value := range v.header {
		h.Set(name, value)
	}
	var all []string
	for name, value := range v.cookies {
		all = append(all, name+"="+value)
	}
	if len(all) > 0 {
		h.Set("Cookie", strings.Join(all, "; "))
	}
	r, err := v.TryWith(method, path, body, h)
	if err != nil {
		v.T.Errorf("%s %s: %v", method, path, err)
	}
	for _, c := range (&http.Response{Header: r.Header}).Cookies() {
		if v.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(v.cookies, c.Name)
		}
	}
	return r
}

func (v *visitor) get(path string) reply { v.T.Helper(); return v.send(http.MethodGet, path, nil) }
func (v *visitor) post(path string, body any) reply {
	v.T.Helper()
	return v.send(http.MethodPost, path, body)
}

// form is the body of a request.
type form = map[string]any

func (v *visitor) signIn(name, password string) reply {
	v.T.Helper()
	return v.post("/sign-in", form{"name": name, "password": password})
}

func (v *visitor) buy() reply {
	v.T.Helper()
	return v.post("/api/flash-sale/purchase", form{})
}

// signUpByCode makes an account with an address that is proved by the code of a mail.
func (v *visitor) signUpByCode(a *Instance, email string, who form) bool {
	v.T.Helper()
	if r := v.post("/sign-in/code", form{"name": email}); r.Status != http.StatusAccepted {
		v.T.Errorf("a code for %s: %d %s", email, r.Status, r.Raw)
		return false
	}
	code, _ := a.mailTo(v.T, email)
	if r := v.post("/sign-in/code/verify", form{"code": code}); r.Status != http.StatusOK || r.Body["signUp"] != true {
		v.T.Errorf("the code of %s: %d %s", email, r.Status, r.Raw)
		return false
	}
	if r := v.post("/sign-up", who); r.Status != http.StatusCreated {
		v.T.Errorf("sign %s up: %d %s", email, r.Status, r.Raw)
		return false
	}
	return true
}

var (
	codeInMail = regexp.MustCompile(`(?m)^    (\d{6})\r?$`)
	linkInMail = regexp.MustCompile(`/sign-in/link/\S+`)
)

// mailTo waits for the newest mail to an address.
func (a *Instance) mailTo(t *testing.T, address string) (code, link string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		for _, m := range a.wiring.mailbox.All() {
			if m.To != address {
				continue
			}
			if found := codeInMail.FindStringSubmatch(m.Text); found != nil {
				code = found[1]
			}
			return code, linkInMail.FindString(m.Text)
		}
	}
	t.Errorf("no mail came to %s", address)
	return "", ""
}

// within10 waits for something that should take a second; a busy machine may take longer.
func within10(t *testing.T, what string, happened func() bool) {
	t.Helper()
	began := time.Now()
	for !happened() {
		if time.Since(began) > 10*time.Second {
			t.Errorf("%s: not within 10 s", what)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Logf("%s: after %v", what, time.Since(began).Round(time.Millisecond))
}

// shop is two instances of a deployment with accounts, and its owner.
type shop struct {
	one, two *Instance
	owner    *visitor
}

// Who somebody is, is decided once and holds on every instance.
func TestSigningIn(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.Config.Demo, d.Config.MailDev, d.Config.OperatorSecondFactor, d.Config.MaxStock = false, true, false, 100
	s := &shop{one: d.start(t), two: d.start(t)}
	for _, one := range []struct {
		name  string
		check func(*testing.T, *shop)
	}{
		{"the owner's link", checkOwnersLink}, // the others need the owner
		{"a session that ended elsewhere", checkEndedElsewhere},
		{"session fixation", checkFixation},
		{"a code of another browser", checkAnotherBrowsersCode},
		{"a code tried many times", checkGuessedCode},
		{"a scanner of mails", checkScanner},
		{"seeded shoppers", checkSeededShoppers},
		{"tokens and their maker", checkTokens},
		{"an archived name", checkArchivedName}, // it archives every shopper
	} {
		if t.Run(one.name, func(t *testing.T) { one.check(t, s) }); s.owner == nil {
			t.Fatal("there is no owner")
		}
	}
}

func (s *shop) firstOwner(t *testing.T) string {
	t.Helper()
	link, err := s.one.wiring.acts.InviteFirstOwner(t.Context(), operator.Act{ActKey: audit.ActKey{Principal: "operator"}, Means: "command"})
	if err != nil {
		t.Fatal(err)
	}
	return "/invitations/" + link.Token
}

// Two browsers press the button of the link at once, at two instances. One of them becomes the owner.
func checkOwnersLink(t *testing.T, s *shop) {
	void, link := s.firstOwner(t), s.firstOwner(t)
	newVisitor(t, s.one.URL()).get(void).Is(t, http.StatusGone, "no-invitation")
	newVisitor(t, s.one.URL()).get(link)
	newVisitor(t, s.two.URL()).send(http.MethodHead, link, nil)
	rivals := []*visitor{newVisitor(t, s.one.URL()), newVisitor(t, s.two.URL())}
	answers := make([]reply, len(rivals))
	var all sync.WaitGroup
	for i, v := range rivals {
		all.Go(func() {
			answers[i] = v.post(link, form{"username": fmt.Sprintf("rival_%d", i), "password": goodPassword})
		})
	}
	all.Wait()
	var won int
	for i, r := range answers {
		if r.Status == http.StatusOK && r.Text("role") == "owner" {
			won++
			s.owner = rivals[i]
			continue
		}
		r.Is(t, http.StatusGone, "no-invitation")
		rivals[i].get("/api/admin/team").Is(t, http.StatusUnauthorized, "sign-in")
	}
	if won != 1 {
		s.owner = nil
		t.Fatalf("%d became the owner: %s, %s", won, answers[0].Raw, answers[1].Raw)
	}
	if r := s.owner.get("/api/admin/team"); strings.Count(r.Raw, `"owner"`) != 1 {
		t.Errorf("the team: %d %s", r.Status, r.Raw)
	}
	newVisitor(t, s.one.URL()).post(link, form{"username": "third", "password": goodPassword}).Is(t, http.StatusGone, "no-invitation")
}

// A credential that was copied before the sign-out is worth nothing after it.
func checkEndedElsewhere(t *testing.T, s *shop) {
	v, replay := newVisitor(t, s.one.URL()), newVisitor(t, s.one.URL())
	if !v.signUpByCode(s.one, "walker@example.com", form{"username": "walker"}) {
		return
	}
	elsewhere := newVisitor(t, s.two.URL())
	for name, value := range v.cookies {
		replay.cookies[name], elsewhere.cookies[name] = value, value
	}
	if r := elsewhere.get("/account"); r.Text("username") != "walker" {
		t.Fatalf("at the other instance: %d %s", r.Status, r.Raw)
	}
	if r := v.post("/sign-out", nil); r.Status != http.StatusNoContent || len(v.cookies) != 0 || r.Header.Get("Clear-Site-Data") == "" {
		t.Errorf("sign-out: %d %v", r.Status, v.cookies)
	}
	replay.get("/account").Is(t, http.StatusUnauthorized, "session-ended")
	replay.buy().Is(t, http.StatusUnauthorized, "session-ended")
	within10(t, "the session ends at the other instance", func() bool { return elsewhere.get("/account").Status == http.StatusUnauthorized })
	elsewhere.buy().Is(t, http.StatusUnauthorized, "session-ended")
}

// Nothing that was in the browser before the sign-in is the session after it.
func checkFixation(t *testing.T, s *shop) {
	const name = "session"
	v := newVisitor(t, s.one.URL())
	if !v.signUpByCode(s.one, "victim@example.com", form{"username": "victim", "password": goodPassword}) {
		return
	}
	of := v.cookies[name]
	for _, planted := range []string{"planted", of[:len(of)-4] + "AAAA", "x" + of[1:], of + "A", strings.Repeat("A", len(of))} {
		browser := newVisitor(t, s.one.URL())
		browser.cookies[name] = planted
		browser.get("/account").Is(t, http.StatusUnauthorized, "sign-in")
	}
	browser := newVisitor(t, s.one.URL())
	browser.cookies[name] = "planted"
	if r := browser.signIn("victim", goodPassword); r.Status != http.StatusOK || browser.cookies[name] == "planted" {
		t.Fatalf("signed in over a planted cookie: %d %q", r.Status, browser.cookies[name])
	}
	attacker := newVisitor(t, s.one.URL())
	attacker.cookies[name] = "planted"
	attacker.get("/account").Is(t, http.StatusUnauthorized, "sign-in")

	// A session of the attacker's own account, planted in the victim's browser.
	if !attacker.signUpByCode(s.one, "attacker@example.com", form{"username": "attacker"}) {
		return
	}
	theirs := attacker.cookies[name]
	browser.cookies[name] = theirs
	if r := browser.signIn("victim", goodPassword); r.Text("username") != "victim" || browser.cookies[name] == theirs {
		t.Fatalf("signed in over the attacker's session: %d %s", r.Status, r.Raw)
	}
	if r := browser.get("/account"); r.Text("username") != "victim" {
		t.Errorf("the browser is %s", r.Raw)
	}
	attacker.get("/account").Is(t, http.StatusUnauthorized, "session-ended")
}

// The digits of a mail open the browser that asked for them, and no other.
func checkAnotherBrowsersCode(t *testing.T, s *shop) {
	one, other, none := newVisitor(t, s.one.URL()), newVisitor(t, s.one.URL()), newVisitor(t, s.one.URL())
	for v, email := range map[*visitor]string{one: "one@example.com", other: "other@example.com"} {
		if r := v.post("/sign-in/code", form{"name": email}); r.Status != http.StatusAccepted {
			t.Fatalf("%d %s", r.Status, r.Raw)
		}
	}
	code, _ := s.one.mailTo(t, "one@example.com")
	other.post("/sign-in/code/verify", form{"code": code}).Is(t, http.StatusUnauthorized, "wrong-code")
	none.post("/sign-in/code/verify", form{"code": code}).Is(t, http.StatusGone, "code-expired")
	none.cookies["code"] = other.cookies["code"][:4] + one.cookies["code"][4:]
	if r := none.post("/sign-in/code/verify", form{"code": code}); r.Status < 400 {
		t.Errorf("a made-up flow: %d %s", r.Status, r.Raw)
	}
	if r := one.post("/sign-in/code/verify", form{"code": code}); r.Status != http.StatusOK || r.Text("email") != "one@example.com" {
		t.Errorf("the browser that asked: %d %s", r.Status, r.Raw)
	}
	// Once it is used, it is used.
	if r := one.post("/sign-in/code/verify", form{"code": code}); r.Status < 400 {
		t.Errorf("the second time: %d %s", r.Status, r.Raw)
	}
}

func checkGuessedCode(t *testing.T, s *shop) {
	v := newVisitor(t, s.one.URL())
	v.post("/sign-in/code", form{"name": "guessed@example.com"})
	code, link := s.one.mailTo(t, "guessed@example.com")
	var right int
	if _, err := fmt.Sscan(code, &right); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if r := v.post("/sign-in/code/verify", form{"code": fmt.Sprintf("%06d", (right+1+i)%1_000_000)}); r.Status < 400 {
			t.Fatalf("guess %d: %d %s", i, r.Status, r.Raw)
		}
	}
	// Too many tries; a machine that is too busy to count them in Redis says that the code has been tried too often.
	if r := v.post("/sign-in/code/verify", form{"code": code}); r.Status != http.StatusTooManyRequests && r.Status != http.StatusGone {
		t.Errorf("the right code after 20 wrong ones: %d %s", r.Status, r.Raw)
	}
	// Whoever reads the mail still comes in.
	if r := v.post(link, nil); r.Status != http.StatusOK {
		t.Errorf("the link: %d %s", r.Status, r.Raw)
	}
}

// Programs that scan mails open the links in them. The button is what counts.
func checkScanner(t *testing.T, s *shop) {
	v, scanner := newVisitor(t, s.one.URL()), newVisitor(t, s.two.URL())
	v.post("/sign-in/code", form{"name": "scanned@example.com"})
	_, link := s.one.mailTo(t, "scanned@example.com")
	for range 3 {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if r := scanner.send(method, link, nil); r.Status != http.StatusOK {
				t.Errorf("%s: %d", method, r.Status)
			}
		}
	}
	if len(scanner.cookies) != 0 {
		t.Errorf("the scanner was given %v", scanner.cookies)
	}
	if r := v.post(link, nil); r.Status != http.StatusOK || r.Text("email") != "scanned@example.com" {
		t.Errorf("the button: %d %s", r.Status, r.Raw)
	}
	v.post(link, nil).Is(t, http.StatusGone, "code-expired")
}

// Seeded shoppers are for demonstrations and load. Nobody is one of them.
func checkSeededShoppers(t *testing.T, s *shop) {
	v := newVisitor(t, s.one.URL())
	for _, password := range []string{"password", "john_doe_1", "correct horse battery"} {
		v.signIn("john_doe_1", password).Is(t, http.StatusUnauthorized, "wrong-sign-in")
	}
	v.post("/sign-up", form{"username": "John_Doe_1", "password": goodPassword}).Is(t, http.StatusConflict, "taken")
	before := len(s.one.wiring.mailbox.All())
	if r := v.post("/sign-in/code", form{"name": "john_doe_1"}); r.Status != http.StatusAccepted {
		t.Errorf("a code: %d %s", r.Status, r.Raw)
	}
	newVisitor(t, s.one.URL()).post("/sign-in/code", form{"name": "after@example.com"})
	s.one.mailTo(t, "after@example.com")
	if sent := len(s.one.wiring.mailbox.All()) - before; sent != 1 {
		t.Errorf("%d mails were sent, want that to after@example.com alone", sent)
	}
}

// archived: who comes afterwards under the name of somebody who is gone would be taken for that person.
func checkArchivedName(t *testing.T, s *shop) {
	v, elsewhere := newVisitor(t, s.one.URL()), newVisitor(t, s.two.URL())
	if !v.signUpByCode(s.one, "leaver@example.com", form{"username": "leaver", "password": goodPassword}) {
		return
	}
	for name, value := range v.cookies {
		elsewhere.cookies[name] = value
	}
	if r := s.owner.send(http.MethodDelete, "/api/users/reset", nil); r.Status != http.StatusOK {
		t.Fatalf("archive: %d %s", r.Status, r.Raw)
	}
	// The list of sessions asks nobody whether there is such an account: it is the session alone that is refused.
	within10(t, "the session of an archived account is void", func() bool { return v.get("/account/sessions").Status == http.StatusUnauthorized })
	within10(t, "and at the other instance", func() bool { return elsewhere.get("/account/sessions").Status == http.StatusUnauthorized })
	v.get("/account").Is(t, http.StatusUnauthorized, "session-ended")
	if r := v.buy(); r.Status != http.StatusUnauthorized {
		t.Errorf("a press with it: %d %s", r.Status, r.Raw)
	}
	if r := s.owner.get("/api/admin/team"); r.Status != http.StatusOK {
		t.Errorf("the owner's session: %d %s", r.Status, r.Raw)
	}
	anew := newVisitor(t, s.two.URL())
	for _, name := range []string{"leaver", "LEAVER", "  Leaver "} {
		anew.post("/sign-up", form{"username": name, "password": goodPassword}).Is(t, http.StatusConflict, "taken")
	}
	anew.signIn("leaver", goodPassword).Is(t, http.StatusUnauthorized, "wrong-sign-in")
	anew.signIn("leaver@example.com", goodPassword).Is(t, http.StatusUnauthorized, "wrong-sign-in")
}

// told waits for a record of the audit log.
func (s *shop) told(t *testing.T, actor, means, action, subject string) {
	t.Helper()
	within10(t, action+" of "+actor+" is in the audit log", func() bool {
		recorded, err := s.two.wiring.audit.Recent(t.Context(), 100)
		return err == nil && slices.ContainsFunc(recorded, func(r audit.Recorded) bool {
			return r.Actor == actor && r.Means == means && r.Action == action && r.Subject == subject && r.Network == "127.0.0.1"
		})
	})
}
