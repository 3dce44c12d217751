package instance_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"flashsale/app/config"
	"flashsale/app/instance"
)

// A shopper asks for a mail on the page of a sale, without leaving it, takes it back, and asks again. After a reload the page still knows.
func TestBrowserAsksForAMailBeforeTheStart(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	a := startShop(t, func(c *config.Config) {
		c.MailDev, c.StartTime, c.EndTime = true, time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
	})
	p := openTab(t, browser, a.URL())
	p.open("/")
	p.absent("mail-reminder")
	p.open("/sign-up?next=/account")
	p.do(chromedp.SendKeys("#username", "visitor_1"), chromedp.SendKeys("#password", tabPassword))
	p.clickAt(`main form button[type=submit]`)
	p.shows("account-username", "visitor_1")

	p.open("/sales/flash-sale")
	p.until("its state", `!!document.querySelector("#remind[data-state=none]")`)
	p.do(chromedp.Evaluate[chromedp.Void](`window.here = true`))
	p.click("mail-reminder-ask")
	p.shows("mail-reminder", "no confirmed e-mail address")
	instance.Exec(t, a, `UPDATE users SET email = 'ann@example.com', email_key = 'ann@example.com', email_verified_at = now() WHERE username = 'visitor_1'`)
	p.click("mail-reminder-ask")
	p.shows("mail-reminder", "A mail comes ten minutes before the start.")
	p.click("mail-reminder-stop")
	p.until("the button to ask", `!!`+element("mail-reminder-ask"))
	p.click("mail-reminder-ask")
	p.shows("mail-reminder", "A mail comes")
	if !value[bool](p, `window.here === true`) {
		t.Error("the page was left")
	}
	p.open("/sales/flash-sale?lang=de")
	p.shows("mail-reminder", "Zehn Minuten vor dem Beginn kommt eine Mail.")
	p.picture()
	instance.StartsIn(t, a, time.Second)
	p.until("the start", `!!document.querySelector("#sale[data-status=active]")`)
	if !value[bool](p, `getComputedStyle(document.querySelector("#remind")).visibility === "hidden"`) {
		t.Error("the form is still there after the start")
	}
}
