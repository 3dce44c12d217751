package web

import (
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/sale"
)

const (
	messageBought        = "Purchase successful!"
	messageAlreadyBought = "User has already purchased this item"
	messagePending       = "Purchase is being decided"
)

// answer turns what the checkout said into HTTP. It is the only place that does, for JSON; browsers get theirs
// from the pages.
func (s *Server) answer(c echo.Context, p sale.Press, a *sale.Answer) error {
	if a.Username == "" {
		a.Username = p.Name
	}
	h := c.Response().Header()
	s.versions.set(h, a.Sale.Version)
	s.count(a)
	if a.Kind == sale.Pending {
		h.Set("Location", claimAddress(p.Slug, a))
	}
	wait := retryAfter(a)
	if wait > 0 {
		h["Retry-After"] = []string{itoa(wait)}
	}
	if s.pages != nil && wantsPage(c.Request()) {
		return s.pages.Purchase(c, *a, p.Name)
	}
	buf := s.lines.take()
	defer s.lines.give(buf)
	status, contentType, body := s.appendAnswer((*buf)[:0], a, wait)
	*buf = body
	writeBytes(c.Response(), status, contentType, body)
	return nil
}

// appendAnswer writes the document of an answer and gives its status and content type.
func (s *Server) appendAnswer(b []byte, a *sale.Answer, wait int) (int, []string, []byte) {
	switch a.Kind {
	case sale.Bought:
		return http.StatusCreated, plainJSON, appendReceipt(b, true, messageBought, a)
	case sale.AlreadyBought:
		return http.StatusOK, plainJSON, appendReceipt(b, a.SameKey, messageAlreadyBought, a)
	case sale.Pending:
		return http.StatusAccepted, plainJSON, appendPending(b, a)
	case sale.Unavailable, sale.Refused, sale.NotAuthorized, sale.UnknownShopper, sale.Overloaded:
	}
	k := refusalKind(a)
	return k.status, problemJSON, appendRefusal(append(b, s.heads[k]...), a, wait)
}

// refusalKind is the problem of an answer that is a refusal.
func refusalKind(a *sale.Answer) *kind {
	switch a.Kind {
	case sale.Refused:
		return refusal(a.Reason)
	case sale.NotAuthorized:
		return errNotAuthorized
	case sale.UnknownShopper:
		return errUnknownShopper
	case sale.Overloaded:
		return errOverloaded
	case sale.Unavailable, sale.Bought, sale.AlreadyBought, sale.Pending: // but for the first, no refusals
	}
	return errNotBought
}

func appendReceipt(b []byte, success bool, message string, a *sale.Answer) []byte {
	if success {
		b = append(b, `{"success":true,"message":"`...)
	} else {
		b = append(b, `{"success":false,"message":"`...)
	}
	b = append(b, message...)
	b = append(b, `","purchaseId":"`...)
	b = appendUUID(b, a.Receipt.OrderID)
	b = append(b, `","userId":`...)
	b = appendString(b, a.Username)
	b = append(b, `,"timestamp":"`...)
	b = appendInstant(b, a.Receipt.At)
	b = append(b, `","unit":`...)
	b = appendInt(b, a.Receipt.Unit)
	return appendVersion(b, a)
}

func appendPending(b []byte, a *sale.Answer) []byte {
	b = append(b, `{"success":false,"pending":true,"message":"`+messagePending+`","claimId":"`...)
	b = appendUUID(b, a.ClaimID)
	return appendWho(append(b, '"'), a)
}

// appendRefusal ends a problem whose beginning, up to the message, was made at the start (refusalHeads).
func appendRefusal(b []byte, a *sale.Answer, wait int) []byte {
	if wait > 0 {
		b = append(b, `,"retryAfter":`...)
		b = appendInt(b, int64(wait))
	}
	return appendWho(b, a)
}

// appendWho writes the fields every answer without a receipt ends with.
func appendWho(b []byte, a *sale.Answer) []byte {
	b = append(b, `,"timestamp":"`...)
	b = appendInstant(b, a.Sale.Now)
	b = append(b, `","userId":`...)
	b = appendString(b, a.Username)
	return appendVersion(b, a)
}

func appendVersion(b []byte, a *sale.Answer) []byte {
	b = append(b, `,"version":`...)
	b = appendInt(b, a.Sale.Version)
	return append(b, '}', '\n')
}

// refusalHeads are the beginnings of the problems a press may come to, up to and with the message.
func refusalHeads() map[*kind][]byte {
	heads := map[*kind][]byte{}
	for _, k := range kinds() {
		b := append([]byte(nil), `{"type":`...)
		b = appendString(b, "/problems/"+k.name)
		b = append(b, `,"title":`...)
		b = appendString(b, k.title)
		b = append(b, `,"status":`...)
		b = appendInt(b, int64(k.status))
		b = append(b, `,"detail":`...)
		b = appendString(b, k.message)
		b = append(b, `,"success":false,"message":`...)
		heads[k] = appendString(b, k.message)
	}
	return heads
}

// retryAfter is the whole seconds after which pressing again makes sense; 0: say nothing.
func retryAfter(a *sale.Answer) int {
	if a.RetryAfter > 0 {
		return ceilSeconds(a.RetryAfter)
	}
	switch a.Kind {
	case sale.Unavailable, sale.Overloaded, sale.Pending:
		return 1
	case sale.Refused:
		if a.Reason == sale.ReasonAllClaimed {
			return 1
		}
	case sale.Bought, sale.AlreadyBought, sale.NotAuthorized, sale.UnknownShopper:
	}
	return 0
}

func claimAddress(slug string, a *sale.Answer) string {
	at := base(slug) + "/claims/" + a.ClaimID.String()
	if a.Position != nil {
		at += "?at=" + itoa(a.Position.Partition) + "." + itoa64(a.Position.Offset)
	}
	return at
}

// count records what came of a press.
func (s *Server) count(a *sale.Answer) {
	if a.Kind != sale.Refused {
		s.metrics.purchases.WithLabelValues(a.Kind.String()).Inc()
		return
	}
	k := refusal(a.Reason)
	if k == errSoldOut {
		s.metrics.soldOut.Inc()
	}
	s.metrics.refuse(k)
}

// lines are the buffers that documents are put together in.
type lines struct{ pool sync.Pool }

func (l *lines) take() *[]byte {
	if b, ok := l.pool.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, 1024)
	return &b
}

func (l *lines) give(b *[]byte) { l.pool.Put(b) }

// millis is a duration as the API writes it.
func millis(d time.Duration) int64 { return d.Milliseconds() }
