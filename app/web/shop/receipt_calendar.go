package shop

import (
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/views/text"
)

// ReceiptCalendar is a calendar entry for the order: when it was made, for what, and where its receipt is. It takes no time in the
// calendar. Nothing is known of a date of delivery; the entry is the order's record.
func (hs *Handlers) ReceiptCalendar(c echo.Context) error {
	k, err := hs.kept(c)
	if err != nil {
		return err
	}
	keepPrivately(c)
	h := c.Response().Header()
	h.Set(echo.HeaderContentDisposition, `attachment; filename="receipt-`+sale.OrderNumber(k.OrderID)+`.ics"`)
	request.MarkLanguage(c)
	entry := calendarOf(language(c), k, request.Origin(c.Request(), hs.cfg.PublicURL)+request.ReceiptPath(k.secret))
	return c.Blob(http.StatusOK, "text/calendar; charset=utf-8", []byte(entry))
}

// calendarOf is an iCalendar object (RFC 5545) with one event.
func calendarOf(l text.Language, k *kept, address string) string {
	changed, status := k.At, "CONFIRMED"
	if k.cancelled() {
		changed, status = k.CancelledAt, "CANCELLED"
	}
	number := sale.OrderNumber(k.OrderID)
	return calendar([]string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Flash Sale System//Receipt//EN", "BEGIN:VEVENT",
		"UID:" + k.OrderID.String() + "@receipts.flashsale.invalid",
		"DTSTAMP:" + changed.UTC().Format(calendarTime), "DTSTART:" + k.At.UTC().Format(calendarTime), "DTEND:" + k.At.Add(15*time.Minute).UTC().Format(calendarTime),
		"SUMMARY:" + calendarText(l.Say("%s, order %s", k.Sold.Name, number)),
		"DESCRIPTION:" + calendarText(strings.Join([]string{
			l.Say("Order number: %s", number), l.Say("Unit: %s", string(request.AppendInt(nil, k.Unit))),
			l.Say("Price: %s", request.Price(l, k.Sold.PriceAfterDiscountMinor(), k.Sold.CurrencyCode)), l.Say("Receipt: %s", address),
		}, "\n")),
		"URL:" + address, "STATUS:" + status, "TRANSP:TRANSPARENT", "CLASS:PRIVATE", "END:VEVENT", "END:VCALENDAR",
	})
}
