package api

import (
	"bytes"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/users/login/limits"
)

const (
	messageBought        = "Purchase successful!"
	messageAlreadyBought = "User has already purchased this item"
	messagePending       = "Purchase is being decided"
)

// answer turns what the checkout said into HTTP: as JSON here, for browsers by Pages.Purchase.
func (hs *Handlers) answer(c echo.Context, p sale.PurchaseRequest, a *sale.Answer) error {
	if a.Username == "" {
		a.Username = p.Name
	}
	h := c.Response().Header()
	hs.version.Set(h, a.Sale.Version)
	hs.count(a)
	if a.Kind == sale.Pending {
		h.Set("Location", request.ClaimPath(p.Slug, a.ClaimID, a.Position))
	}
	if a.Kind == sale.TooOften {
		hs.cfg.Limits.Refused(h, limits.Purchase, pressVerdict(a))
	}
	wait := retryAfter(a)
	if wait > 0 {
		h["Retry-After"] = []string{strconv.Itoa(wait)}
	}
	if request.WantsPage(c.Request()) {
		return hs.cfg.Pages.Purchase(c, *a, p.Name)
	}
	buf := hs.lines.take()
	defer hs.lines.give(buf)
	status, contentType, body := hs.appendAnswer((*buf)[:0], a, wait)
	*buf = body
	request.WriteBytes(c.Response(), status, contentType, body)
	return nil
}

// pressVerdict is the limit of presses that refused a purchase request, as the operator has set it for all processes.
func pressVerdict(a *sale.Answer) limits.Verdict {
	rate, burst := a.Sale.Limit.AccountRate, a.Sale.Limit.AccountBurst
	if a.Over == sale.PressesOfNetwork {
		rate, burst = a.Sale.Limit.NetworkRate, a.Sale.Limit.NetworkBurst
	}
	return limits.Verdict{Wait: a.RetryAfter, Limit: int(burst), Window: time.Duration(burst) * time.Second / time.Duration(max(1, rate))}
}

// appendAnswer writes the document of an answer and gives its status and content type.
func (hs *Handlers) appendAnswer(b []byte, a *sale.Answer, wait int) (int, []string, []byte) {
	switch a.Kind {
	case sale.Bought:
		return http.StatusCreated, request.PlainJSON, appendReceipt(b, true, messageBought, a)
	case sale.AlreadyBought:
		return hs.statuses.repeat, request.PlainJSON, appendReceipt(b, a.SameKey, messageAlreadyBought, a)
	case sale.Pending:
		return http.StatusAccepted, request.PlainJSON, appendPending(b, a)
	case sale.Unavailable, sale.Refused, sale.NotAuthorized, sale.UnknownShopper, sale.Overloaded, sale.TooOften:
	}
	k := request.AnswerKind(a)
	r := hs.statuses.refusals[k]
	if k == request.ErrNotStarted && !a.Sale.StartsAt.IsZero() {
		b = appendNotStarted(b, r.head, a.Sale.StartsAt)
	} else {
		b = append(b, r.head...)
	}
	return r.status, r.contentType, appendRefusal(b, a, wait)
}

// appendNotStarted writes the beginning of a problem with the announced start in it: in the detail for people, and in a field
// for programs.
func appendNotStarted(b, head []byte, starts time.Time) []byte {
	detail := bytes.Index(head, []byte(`","success":`))
	b = append(b, head[:detail]...)
	b = append(b, "; it starts at "...)
	b = request.AppendInstant(b, starts)
	b = append(b, head[detail:]...)
	b = append(b, `,"startTime":"`...)
	b = request.AppendInstant(b, starts)
	return append(b, '"')
}

func appendReceipt(b []byte, success bool, message string, a *sale.Answer) []byte {
	if success {
		b = append(b, `{"success":true,"message":"`...)
	} else {
		b = append(b, `{"success":false,"message":"`...)
	}
	b = append(b, message...)
	b = append(b, `","purchaseId":"`...)
	b = request.AppendUUID(b, a.Receipt.OrderID)
	b = append(b, `","userId":`...)
	b = request.AppendString(b, a.Username)
	b = append(b, `,"timestamp":"`...)
	b = request.AppendInstant(b, a.Receipt.At)
	b = append(b, `","unit":`...)
	b = request.AppendInt(b, a.Receipt.Unit)
	return appendVersion(b, a)
}

func appendPending(b []byte, a *sale.Answer) []byte {
	b = append(b, `{"success":false,"pending":true,"message":"`+messagePending+`","claimId":"`...)
	b = request.AppendUUID(b, a.ClaimID)
	return appendWho(append(b, '"'), a)
}

// appendRefusal writes the end of a problem. Its beginning, up to the message, was made at the start (newStatuses).
func appendRefusal(b []byte, a *sale.Answer, wait int) []byte {
	if wait > 0 {
		b = append(b, `,"retryAfter":`...)
		b = request.AppendInt(b, int64(wait))
	}
	return appendWho(b, a)
}

// appendWho writes the fields every answer without a receipt ends with.
func appendWho(b []byte, a *sale.Answer) []byte {
	b = append(b, `,"timestamp":"`...)
	b = request.AppendInstant(b, a.Sale.Now)
	b = append(b, `","userId":`...)
	b = request.AppendString(b, a.Username)
	return appendVersion(b, a)
}

func appendVersion(b []byte, a *sale.Answer) []byte {
	b = append(b, `,"version":`...)
	b = request.AppendInt(b, a.Sale.Version)
	return append(b, '}', '\n')
}

// retryAfter is the whole seconds after which another request can have another answer; 0: no such time is known.
func retryAfter(a *sale.Answer) int {
	if a.RetryAfter > 0 {
		return request.CeilSeconds(a.RetryAfter)
	}
	switch a.Kind {
	case sale.Unavailable, sale.Overloaded, sale.Pending, sale.TooOften:
		return 1
	case sale.Refused:
		if a.Reason == sale.ReasonAllClaimed {
			return 1
		}
	case sale.Bought, sale.AlreadyBought, sale.NotAuthorized, sale.UnknownShopper:
	}
	return 0
}

// count counts a purchase request by its outcome.
func (hs *Handlers) count(a *sale.Answer) {
	if a.Kind != sale.Refused {
		hs.metrics.purchases.WithLabelValues(a.Kind.String()).Inc()
		return
	}
	k := request.ReasonKind(a.Reason)
	if k == request.ErrSoldOut {
		hs.metrics.soldOut.Inc()
	}
	hs.metrics.refuse(k)
}

// lines are the buffers in which documents are put together.
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
