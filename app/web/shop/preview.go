package shop

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/views/layout"
	"flashsale/views/shop"
	"flashsale/views/text"
)

// Preview shows an operator the page of a sale as shoppers will see it in a state; an empty one means that in which it is. at is the
// address of the preview. Nobody keeps it, and it hears of no change.
func (hs *Handlers) Preview(c echo.Context, s *sale.Snapshot, state sale.Status, at string, back layout.Link) error {
	if state == "" {
		state = s.Status()
	}
	ctx, shown := c.Request().Context(), posed(*s, state)
	home := hs.homeOf(shown, nil, pageName{slug: s.Slug, language: request.Language(c.Request()), signedIn: true})
	home.Visitor, home.Remind, home.Front = hs.visitor(c.Request()), shop.Remind{}, false
	home.Place.Preview = at + "?state=" + string(state)
	home.Tab = tabNamed(c.QueryParam("tab"), false)
	home.Next = hs.next(ctx, &shown)
	if home.Status.Reminder != "" {
		home.Status.Reminder = home.Place.Preview
	}
	home.Status.Countdown = countdown(ctx, &shown, state)
	page := shop.Preview{Home: home, Back: back}
	for _, one := range sale.Statuses() {
		page.States = append(page.States, shop.PreviewState{Name: string(one), Label: stateName(ctx, one), Path: at + "?state=" + string(one), Here: one == state})
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "private, no-store")
	return hs.send(c, http.StatusOK, shop.PreviewPage(page))
}

// posed is a sale as it will be in another state. What nobody can know, such as how fast it sells out, is not made up. An operator's
// message is about the moment, and so is shown in the state that the sale has.
func posed(s sale.Snapshot, state sale.Status) sale.Snapshot {
	s.Stale, s.AllClaimed = false, false
	if s.Status() == state {
		return s
	}
	s.Message = ""
	within := s.StartsAt.Add(s.EndsAt.Sub(s.StartsAt) / 2)
	running := !s.Now.Before(s.StartsAt) && s.Now.Before(s.EndsAt)
	switch state {
	case sale.Upcoming:
		if s.State = sale.Scheduled; !s.Now.Before(s.StartsAt) {
			s.Now = s.StartsAt.Add(-time.Hour)
		}
		s.Taken = 0
	case sale.Active:
		if s.State, s.Total = sale.Open, max(1, s.Total); s.Taken >= s.Total {
			s.Taken = 0
		}
	case sale.Stopped:
		s.State = sale.Paused
	case sale.SoldOut:
		s.State, s.Taken = sale.Open, s.Total
	case sale.Ended:
		if s.State = sale.Closed; s.Now.Before(s.EndsAt) {
			s.Now = s.EndsAt
		}
	}
	if state != sale.Upcoming && state != sale.Ended && !running {
		s.Now = within
	}
	return s
}

// countdown is the time left as clock.js writes it.
func countdown(ctx context.Context, s *sale.Snapshot, state sale.Status) string {
	left := s.TimeUntilStart()
	if state == sale.Active {
		left = s.TimeUntilEnd()
	}
	if left <= 0 || state != sale.Upcoming && (state != sale.Active || left > 24*time.Hour) {
		return ""
	}
	seconds := int64((left + time.Second - 1) / time.Second)
	if days := seconds / 86400; days >= 2 {
		return text.Say(ctx, "%d days", days)
	}
	return fmt.Sprintf("%02d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
}

func stateName(ctx context.Context, state sale.Status) string {
	switch state {
	case sale.Upcoming:
		return text.Say(ctx, "Before the start")
	case sale.Active:
		return text.Say(ctx, "Open")
	case sale.Stopped:
		return text.Say(ctx, "Paused")
	case sale.SoldOut:
		return text.Say(ctx, "Sold out")
	case sale.Ended:
	}
	return text.Say(ctx, "Ended")
}
