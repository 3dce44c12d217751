package shop

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
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
