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
	entry := calendarOf(k, request.Origin(c.Request(), hs.cfg.PublicURL)+request.ReceiptPath(k.secret))
	return c.Blob(http.StatusOK, "text/calendar; charset=utf-8", []byte(entry))
}

// calendarOf is an iCalendar object (RFC 5545) with one event.
func calendarOf(k *kept, address string) string {
	const utc = "20060102T150405Z"
	changed, status := k.At, "CONFIRMED"
	if k.cancelled() {
		changed, status = k.CancelledAt, "CANCELLED"
	}
	number := sale.OrderNumber(k.OrderID)
	var b strings.Builder
	for _, line := range []string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Flash Sale System//Receipt//EN", "BEGIN:VEVENT",
		"UID:" + k.OrderID.String() + "@receipts.flashsale.invalid",
		"DTSTAMP:" + changed.UTC().Format(utc), "DTSTART:" + k.At.UTC().Format(utc), "DTEND:" + k.At.Add(15*time.Minute).UTC().Format(utc),
		"SUMMARY:" + calendarText(k.product.Name+", order "+number),
		"DESCRIPTION:" + calendarText("Order number: "+number+"\nUnit: "+string(request.AppendInt(nil, k.Unit))+
			"\nPrice: "+request.Price(text.Language{}, k.product.PriceAfterDiscountMinor(), k.product.CurrencyCode)+"\nReceipt: "+address),
		"URL:" + address, "STATUS:" + status, "TRANSP:TRANSPARENT", "CLASS:PRIVATE", "END:VEVENT", "END:VCALENDAR",
	} {
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
