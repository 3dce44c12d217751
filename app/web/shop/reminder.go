package shop

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/users/reminder"
	"flashsale/views/shop"
	"flashsale/views/text"
)

// longestEntry is the longest that a sale takes in a calendar. Of a longer one the entry is its start.
const longestEntry, startEntry = 24 * time.Hour, 15 * time.Minute

// reminderPath is the address of a sale's calendar entry.
func reminderPath(slug string) string { return "/sales/" + slug + "/calendar.ics" }

// Reminder is a calendar entry for the start of a sale, with an alarm ten minutes before. It has the same UID whenever it is asked for, so
// that a calendar that has an older one moves it.
func (hs *Handlers) Reminder(c echo.Context) error {
	slug, err := request.Slug(c)
	if err != nil {
		return err
	}
	s, err := hs.cfg.Catalog.Snapshot(slug)
	if err != nil {
		return err
	}
	if s.State == sale.Draft {
		return sale.ErrNoSale
	}
	r := c.Request()
	h := c.Response().Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("Vary", "Accept-Language, Cookie")
	h.Set(echo.HeaderContentDisposition, `attachment; filename="`+s.Slug+`.ics"`)
	entry := reminderOf(text.With(r.Context(), request.Language(r)), s, request.Origin(r, hs.cfg.PublicURL)+"/sales/"+s.Slug)
	return c.Blob(http.StatusOK, "text/calendar; charset=utf-8", []byte(entry))
}

// reminderOf is an iCalendar object (RFC 5545) with one event, whose revision is that of the sale.
func reminderOf(ctx context.Context, s sale.Snapshot, address string) string {
	end := s.EndsAt
	if end.Sub(s.StartsAt) > longestEntry {
		end = s.StartsAt.Add(startEntry)
	}
	name := calendarText(s.Product.Name)
	return calendar([]string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Flash Sale System//Sale//EN", "BEGIN:VEVENT",
		"UID:sale-" + strconv.FormatInt(s.ID, 10) + "-" + s.Slug + "@sales.flashsale.invalid",
		"DTSTAMP:" + s.Now.UTC().Format(calendarTime), "SEQUENCE:" + strconv.FormatInt(s.Revision, 10),
		"DTSTART:" + s.StartsAt.UTC().Format(calendarTime), "DTEND:" + end.UTC().Format(calendarTime),
		"SUMMARY:" + name,
		"DESCRIPTION:" + calendarText(text.Say(ctx, "One unit per shopper. Be here at the start:")+"\n"+address),
		"URL:" + address, "STATUS:CONFIRMED", "TRANSP:OPAQUE",
		"BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT10M", "DESCRIPTION:" + name, "END:VALARM",
		"END:VEVENT", "END:VCALENDAR",
	})
}

// Reminders is reminder.Reminders: who wants a mail before a sale starts.
type Reminders interface {
	// Ask fails with reminder.ErrNoAddress.
	Ask(ctx context.Context, sale int64, starts time.Time, account int64, in text.Language) error
	Stop(ctx context.Context, sale, account int64) error
	State(ctx context.Context, of reminder.Start, account int64) (reminder.State, error)
}

// remindedField in the query of a page makes it look up how its visitor's reminder stands.
const remindedField = "reminder"

// remindDocument tells how one's reminder stands.
type remindDocument struct {
	Reminder reminder.State `json:"reminder"`
}

// Remind says how the visitor's reminder stands.
func (hs *Handlers) Remind(c echo.Context) error {
	s, err := hs.reminded(c)
	switch {
	case err != nil:
		return err
	case request.WantsPage(c.Request()) && !byHTMX(c):
		return c.Redirect(http.StatusSeeOther, remindPage(&s))
	}
	return hs.remindState(c, &s)
}

// AskReminder keeps that the visitor wants a mail before the sale starts.
func (hs *Handlers) AskReminder(c echo.Context) error {
	s, err := hs.reminded(c)
	if err != nil {
		return err
	}
	if s.Status() != sale.Upcoming {
		return hs.tooLate(c, &s)
	}
	who := hs.cfg.Principals.Of(c.Request())
	err = hs.cfg.Reminders.Ask(c.Request().Context(), s.ID, s.StartsAt, who.Account(), language(c))
	if errors.Is(err, reminder.ErrNoAddress) {
		return request.ErrNoAddress
	}
	if err != nil {
		return err
	}
	return hs.remindDone(c, &s)
}

// StopReminder takes it back.
func (hs *Handlers) StopReminder(c echo.Context) error {
	s, err := hs.reminded(c)
	if err != nil {
		return err
	}
	who := hs.cfg.Principals.Of(c.Request())
	if err := hs.cfg.Reminders.Stop(c.Request().Context(), s.ID, who.Account()); err != nil {
		return err
	}
	return hs.remindDone(c, &s)
}

// reminded is the sale of a request about a reminder.
func (hs *Handlers) reminded(c echo.Context) (sale.Snapshot, error) {
	if hs.cfg.Reminders == nil {
		return sale.Snapshot{}, request.ErrMailOff
	}
	s, err := hs.cfg.Catalog.Snapshot(slugOf(c))
	if err == nil && (s.State == sale.Draft || s.Archived) {
		err = sale.ErrNoSale
	}
	return s, err
}

// tooLate answers a press after the start: the page shows that the sale has begun.
func (hs *Handlers) tooLate(c echo.Context, s *sale.Snapshot) error {
	if !request.WantsPage(c.Request()) {
		return request.ErrWrongState
	}
	return hs.remindDone(c, s)
}

// remindDone leads a form back to the page of the sale, and tells everybody else how the reminder stands.
func (hs *Handlers) remindDone(c echo.Context, s *sale.Snapshot) error {
	if request.WantsPage(c.Request()) && !byHTMX(c) {
		return c.Redirect(http.StatusSeeOther, remindPage(s))
	}
	return hs.remindState(c, s)
}

func (hs *Handlers) remindState(c echo.Context, s *sale.Snapshot) error {
	state, err := hs.stateOfReminder(c, s)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	if byHTMX(c) {
		return hs.send(c, http.StatusOK, shop.RemindFragment(shop.Remind{Path: placeOf(s).Remind(), State: string(state)}))
	}
	return request.WriteJSON(c, http.StatusOK, remindDocument{state})
}

func (hs *Handlers) stateOfReminder(c echo.Context, s *sale.Snapshot) (reminder.State, error) {
	who := hs.cfg.Principals.Of(c.Request())
	return hs.cfg.Reminders.State(c.Request().Context(), reminder.Start{Sale: s.ID, At: s.StartsAt}, who.Account())
}

func placeOf(s *sale.Snapshot) shop.Place { return shop.Place{Slug: s.Slug} }

func remindPage(s *sale.Snapshot) string {
	return placeOf(s).Path() + "?" + remindedField + "=1#remind"
}

// remindForm is the form on a page for somebody who is signed in, as everybody's page has it.
func (hs *Handlers) remindForm(s *sale.Snapshot, signedIn bool) shop.Remind {
	if hs.cfg.Reminders == nil || !signedIn || s.State == sale.Draft || s.Archived || s.Status() != sale.Upcoming {
		return shop.Remind{}
	}
	return shop.Remind{Path: placeOf(s).Remind()}
}

// recallReminder puts how the visitor's reminder stands into a page that a form has led to. Where that is not known now, the page has the
// form alone.
func (hs *Handlers) recallReminder(c echo.Context, home *shop.Home, s *sale.Snapshot) {
	if home.Remind.Path == "" || !c.QueryParams().Has(remindedField) {
		return
	}
	state, err := hs.stateOfReminder(c, s)
	if err != nil {
		hs.cfg.Log.Fault(c, err)
		return
	}
	home.Remind.State = string(state)
}

// refusedReminder is the form with the reason why a press changed nothing. Nobody has pressed when the page itself asked in vain: then it is
// the form alone, and a press finds out.
func refusedReminder(c echo.Context, problem request.Problem) shop.Remind {
	form := shop.Remind{Path: shop.Place{Slug: slugOf(c)}.Remind(), State: string(reminder.None)}
	if c.Request().Method == http.MethodPost {
		form.Problem = inALine(language(c), problem)
	}
	return form
}
