package instance

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"flashsale/app/operator"
	"flashsale/events/audit"
	"flashsale/sale"
	"flashsale/users/mail"
)

const remindPath = "/sales/flash-sale/reminder"

// startsIn moves the start of the sale.
func startsIn(t *testing.T, a *Instance, left time.Duration) {
	t.Helper()
	starts, ends := time.Now().Add(left), time.Now().Add(left+time.Hour)
	act := operator.Act{ActKey: audit.ActKey{Principal: "operator"}, Means: "command"}
	if _, err := a.wiring.acts.Amend(t.Context(), act, "flash-sale", sale.Amendment{StartsAt: &starts, EndsAt: &ends}); err != nil {
		t.Fatal(err)
	}
}

// remindersFor are the mails about the sale's start that went to an address, from any of the instances.
func remindersFor(address string, from ...*Instance) []mail.Kept {
	var found []mail.Kept
	for _, a := range from {
		for _, m := range a.wiring.mailbox.All() {
			if m.To == address && strings.Contains(m.Text, "/sales/flash-sale") {
				found = append(found, m)
			}
		}
	}
	return found
}

// Shoppers ask on one instance, the start moves on the other, and each gets one mail from either of them, in the own language. Whoever
// took it back gets none.
func TestAMailComesBeforeTheStart(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.Config.Demo, d.Config.MailDev, d.Config.PublicURL = false, true, "https://shop.example"
	d.Config.StartTime, d.Config.EndTime = time.Now().Add(3*time.Hour), time.Now().Add(4*time.Hour)
	one, two := d.start(t), d.start(t)
	shoppers := map[string]*visitor{}
	for _, name := range []string{"ann", "ben", "eva"} {
		v := newVisitor(t, one.URL())
		if v.header = map[string]string{"Accept-Language": "en"}; name == "eva" {
			v.header["Accept-Language"] = "de"
		}
		if !v.signUpByCode(one, name+"@example.com", form{"username": name}) {
			t.FailNow()
		}
		for range 2 {
			if r := v.post(remindPath, nil); r.Status != http.StatusOK || r.Text("reminder") != "waiting" {
				t.Fatalf("%s asks: %d %s", name, r.Status, r.Raw)
			}
		}
		shoppers[name] = v
	}
	if r := shoppers["ben"].post(remindPath+"/stop", nil); r.Text("reminder") != "none" {
		t.Errorf("ben stops: %d %s", r.Status, r.Raw)
	}
	newVisitor(t, one.URL()).post(remindPath, nil).Is(t, http.StatusUnauthorized, "sign-in")
	if early := slices.Concat(remindersFor("ann@example.com", one, two), remindersFor("eva@example.com", one, two)); len(early) > 0 {
		t.Errorf("three hours before: %v", early)
	}
	startsIn(t, two, 5*time.Minute)
	for name, want := range map[string]string{"ann": "Soon:", "eva": "Bald:"} {
		to := name + "@example.com"
		within10(t, "the mail to "+name, func() bool { return len(remindersFor(to, one, two)) > 0 })
		got := remindersFor(to, one, two)
		if len(got) != 1 || !strings.HasPrefix(got[0].Subject, want) || !strings.Contains(got[0].Text, "https://shop.example/sales/flash-sale\n") {
			t.Errorf("%s: %+v", name, got)
		}
		within10(t, name+" is told that it was sent", func() bool { return shoppers[name].get(remindPath).Text("reminder") == "sent" })
	}
	// Late, and so at once; a page of another instance shows what this one has kept.
	if r := shoppers["ben"].post(remindPath, nil); r.Status != http.StatusOK {
		t.Errorf("ben asks again: %d %s", r.Status, r.Raw)
	}
	within10(t, "the mail to ben", func() bool { return len(remindersFor("ben@example.com", one, two)) > 0 })
	for name := range shoppers {
		if n := len(remindersFor(name+"@example.com", one, two)); n != 1 {
			t.Errorf("%s has %d mails", name, n)
		}
	}
}

func TestWithoutMailNobodyIsReminded(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.Config.Demo = false
	a := d.start(t)
	if a.wiring.reminders.On() || a.wiring.askedReminders() != nil {
		t.Error("there are reminders without mail")
	}
	// In demo mode nobody is signed in.
	d = newDeployment(t)
	d.Config.MailDev = true
	b := d.start(t)
	newClient(t, b.URL()).Act(http.MethodPost, remindPath, nil).Is(t, http.StatusConflict, "demo-mode")
	if b.wiring.askedReminders() != nil {
		t.Error("there are reminders in demo mode")
	}
}
