package web

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"flashsale/sale"
	"flashsale/users/reminder"
	"flashsale/views/text"
)

// fakeReminders keep the language in which an account asked.
type fakeReminders struct {
	mu      sync.Mutex
	asked   map[int64]string
	sent    bool
	failing error
}

func (f *fakeReminders) Ask(_ context.Context, _ int64, _ time.Time, account int64, in text.Language) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failing == nil {
		f.asked[account] = in.Code()
	}
	return f.failing
}

func (f *fakeReminders) Stop(_ context.Context, _, account int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.asked, account)
	return f.failing
}

func (f *fakeReminders) State(_ context.Context, _ reminder.Start, account int64) (reminder.State, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.failing != nil:
		return "", f.failing
	case f.sent:
		return reminder.Sent, nil
	case f.asked[account] != "":
		return reminder.Waiting, nil
	}
	return reminder.None, nil
}

// newRemindedWorld has a sale that starts in an hour.
func newRemindedWorld(t *testing.T) (*world, *fakeReminders) {
	t.Helper()
	f := &fakeReminders{asked: map[int64]string{}}
	w := newWorld(t, accountsMode, func(c *Config) { c.Reminders = f })
	w.catalog.change(upcoming)
	return w, f
}

func upcoming(s *sale.Snapshot) {
	s.State, s.Taken, s.StartsAt, s.EndsAt = sale.Scheduled, 0, noon.Add(time.Hour), noon.Add(2*time.Hour)
}

const (
	remindPath = "/sales/first/reminder"
	alice      = "Test-Session: alice"
)

// Without scripts a press leads back to the page, which says that a mail will come and how to stop it.
func TestAShopperAsksForAMailBeforeTheStart(t *testing.T) {
	t.Parallel()
	w, f := newRemindedWorld(t)
	w.browse(t, "/sales/first", alice).shows(t, 200, testID("mail-reminder-ask"), `action="/sales/first/reminder"`, `hx-get="/sales/first/reminder"`)
	for range 2 {
		r := w.submit(t, remindPath, nil, alice, "Accept-Language: de-AT")
		if r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/sales/first?reminder=1#remind" {
			t.Fatalf("%d %v %s", r.StatusCode, r.Header, r.raw)
		}
	}
	if len(f.asked) != 1 {
		t.Errorf("asked: %v", f.asked)
	}
	for _, language := range f.asked {
		if language != "de" {
			t.Errorf("in %s", language)
		}
	}
	page := w.browse(t, "/sales/first?reminder=1", alice)
	page.shows(t, 200, "A mail comes ten minutes before the start.", testID("mail-reminder-stop"), `action="/sales/first/reminder/stop"`)
	page.lacks(t, testID("mail-reminder-ask"), `hx-trigger="load"`)
	w.browse(t, "/sales/first?reminder=1", "Test-Session: bob").shows(t, 200, testID("mail-reminder-ask"))
	w.browse(t, "/sales/first?reminder=1", alice, "Accept-Language: de").shows(t, 200, "Zehn Minuten vor dem Beginn kommt eine Mail.", "Keine Mail")

	if r := w.submit(t, remindPath+"/stop", nil, alice); r.StatusCode != http.StatusSeeOther || len(f.asked) != 0 {
		t.Errorf("%d %v", r.StatusCode, f.asked)
	}
	f.sent = true
	sent := w.browse(t, "/sales/first?reminder=1", alice)
	sent.shows(t, 200, "The mail about this start has been sent.")
	sent.lacks(t, testID("mail-reminder-ask"), testID("mail-reminder-stop"))
}

func TestWithScriptsTheFormIsChangedInPlace(t *testing.T) {
	t.Parallel()
	w, f := newRemindedWorld(t)
	by := append(fragment("remind"), alice)
	w.send(t, "GET", remindPath, "", by...).shows(t, 200, testID("mail-reminder-ask"), `data-state="none"`)
	asked := w.send(t, "POST", remindPath, "", by...)
	asked.shows(t, 200, `id="remind"`, `data-state="waiting"`, testID("mail-reminder-stop"))
	asked.lacks(t, "<html", `hx-trigger="load"`)
	w.send(t, "GET", remindPath, "", by...).shows(t, 200, `data-state="waiting"`)
	w.send(t, "POST", remindPath+"/stop", "", by...).shows(t, 200, `data-state="none"`)

	f.failing = reminder.ErrNoAddress
	refused := w.send(t, "POST", remindPath, "", by...)
	refused.shows(t, 409, `id="remind"`, testID("mail-reminder-ask"), "no confirmed e-mail address", "Confirm one on the page of your account")
	refused.lacks(t, testID("purchase-result"))

	f.failing = errors.New("away")
	quiet := w.send(t, "GET", remindPath, "", by...)
	quiet.shows(t, 500, testID("mail-reminder-ask"))
	quiet.lacks(t, "wrong")

	// Who is signed out goes to sign in.
	out := w.send(t, "POST", remindPath, "", fragment("remind")...)
	if out.StatusCode != http.StatusUnauthorized || out.Header.Get("Hx-Redirect") == "" {
		t.Errorf("%d %v", out.StatusCode, out.Header)
	}
}

func TestProgramsReadHowAReminderStands(t *testing.T) {
	t.Parallel()
	w, f := newRemindedWorld(t)
	w.send(t, "GET", remindPath, "", alice).has(t, map[string]any{"reminder": "none"})
	w.send(t, "POST", remindPath, "", alice).has(t, map[string]any{"reminder": "waiting"})
	w.send(t, "POST", remindPath+"/stop", "", alice).has(t, map[string]any{"reminder": "none"})
	w.send(t, "POST", remindPath, "").problem(t, 401, "sign-in")
	w.send(t, "POST", "/sales/other/reminder", "", alice).problem(t, 404, "no-sale")
	f.failing = reminder.ErrNoAddress
	w.send(t, "POST", remindPath, "", alice).problem(t, 409, "no-address")
	f.failing = errors.New("away")
	w.send(t, "GET", remindPath, "", alice).problem(t, 500, "internal")
	f.failing = nil
	w.catalog.change(func(s *sale.Snapshot) { *s = activeSale() })
	w.send(t, "POST", remindPath, "", alice).problem(t, 409, "wrong-state")
	w.catalog.change(func(s *sale.Snapshot) { upcoming(s); s.State = sale.Draft })
	w.send(t, "POST", remindPath, "", alice).problem(t, 404, "no-sale")
	if len(f.asked) != 0 {
		t.Errorf("asked: %v", f.asked)
	}
}

// The form is on the page of a sale that will start, for somebody who is signed in, where mails are sent. Elsewhere nothing has changed.
func TestTheFormForAMailIsNotEverywhere(t *testing.T) {
	t.Parallel()
	w, f := newRemindedWorld(t)
	w.browse(t, "/sales/first").lacks(t, testID("mail-reminder"))
	w.browse(t, "/", alice).shows(t, 200, testID("mail-reminder"), `action="/sales/first/reminder"`)
	f.failing = errors.New("away") // the page is shown all the same
	w.browse(t, "/sales/first?reminder=1", alice).shows(t, 200, testID("mail-reminder-ask"))
	w.catalog.change(func(s *sale.Snapshot) { *s = activeSale() })
	w.browse(t, "/sales/first", alice).lacks(t, testID("mail-reminder"))

	off := newWorld(t, accountsMode)
	off.catalog.change(upcoming)
	off.browse(t, "/sales/first", alice).lacks(t, testID("mail-reminder"))
	off.send(t, "POST", remindPath, "", alice).problem(t, 409, "mail-off")

	demo := newWorld(t, func(c *Config) { c.Reminders = f })
	demo.catalog.change(upcoming)
	demo.browse(t, "/").lacks(t, testID("mail-reminder"))
	demo.send(t, "POST", remindPath, "").problem(t, 409, "demo-mode")
}
