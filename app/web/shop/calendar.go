package shop

import (
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/views/text"
)

// calendarTime is the layout of a DATE-TIME in UTC (RFC 5545, 3.3.5).
const calendarTime = "20060102T150405Z"

// calendar is an iCalendar object of these content lines.
func calendar(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		fold(&b, line)
	}
	return b.String()
}

// calendarText escapes a TEXT value (RFC 5545, 3.3.11). Control characters have no place in one.
func calendarText(s string) string {
	s = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`).Replace(strings.ToValidUTF8(s, "\uFFFD"))
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
}

// fold writes a content line in pieces of at most 75 octets, of which none ends within a character (RFC 5545, 3.1).
func fold(b *strings.Builder, line string) {
	const most = 75
	room := most
	for _, r := range line {
		if room < utf8.RuneLen(r) {
			b.WriteString("\r\n ")
			room = most - 1
		}
		b.WriteRune(r)
		room -= utf8.RuneLen(r)
	}
	b.WriteString("\r\n")
}

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
