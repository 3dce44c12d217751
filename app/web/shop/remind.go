package shop

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/users/reminder"
	"flashsale/views/shop"
	"flashsale/views/text"
)

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
	if err == nil && s.State == sale.Draft {
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
	if hs.cfg.Reminders == nil || !signedIn || s.State == sale.Draft || s.Status() != sale.Upcoming {
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
