package lists

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"flashsale/app/operator"
	"flashsale/app/web/request"
	"flashsale/events/audit"
	"flashsale/sale"
)

// An export may have a million orders, so their rows are written by hand: it takes a fifth of the time, and leaves nothing to collect.

// appendOrderLine writes an order as a line of CSV. Only texts that people chose can need quotes or an apostrophe.
func appendOrderLine(b []byte, o *operator.DeskOrder) []byte {
	b = append(sale.AppendOrderNumber(b, o.OrderID), ',')
	b = append(request.AppendUUID(b, o.OrderID), ',')
	b = append(appendCell(b, o.Slug), ',')
	b = append(strconv.AppendInt(b, o.Generation, 10), ',')
	b = append(strconv.AppendInt(b, o.Unit, 10), ',')
	b = append(append(b, o.State...), ',')
	name := o.Person.Username
	if name == "" {
		name = o.Username // the account is not among those of users any more; of an erased one the order has no name either
	}
	b = append(appendCell(b, name), ',')
	b = append(appendCell(b, o.Person.Email), ',')
	b = append(strconv.AppendInt(b, o.UserID, 10), ',')
	b = append(strconv.AppendBool(b, o.Person.Erased), ',')
	b = append(appendTime(b, o.PressedAt), ',')
	b = append(appendTime(b, o.DecidedAt), ',')
	b = append(appendTime(b, o.CancelledAt), ',')
	return append(strconv.AppendInt(b, int64(o.Attempt), 10), "\r\n"...)
}

// appendTime writes a time with its zone, and nothing for none.
func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return request.AppendInstant(b, t)
}

// appendOrder writes what json.Marshal writes of an orderDocument.
func appendOrder(b []byte, o *operator.DeskOrder) ([]byte, error) {
	b = request.AppendUUID(append(b, `{"purchaseId":"`...), o.OrderID)
	b = sale.AppendOrderNumber(append(b, `","orderNumber":"`...), o.OrderID)
	b = request.AppendString(append(b, `","sale":`...), o.Slug)
	b = strconv.AppendInt(append(b, `,"generation":`...), o.Generation, 10)
	b = strconv.AppendInt(append(b, `,"unit":`...), o.Unit, 10)
	b = request.AppendString(append(b, `,"state":`...), string(o.State))
	b = strconv.AppendInt(append(b, `,"attempt":`...), int64(o.Attempt), 10)
	b = appendText(b, `,"userId":`, o.Username)
	b = strconv.AppendInt(append(b, `,"shopper":{"account":`...), o.UserID, 10)
	b = appendText(b, `,"username":`, o.Person.Username)
	b = appendText(b, `,"email":`, o.Person.Email)
	b = appendTrue(b, `,"archived":`, o.Person.Archived)
	b = append(appendTrue(b, `,"erased":`, o.Person.Erased), '}')
	b = appendInstant(b, `,"pressedAt":"`, o.PressedAt)
	b = append(request.AppendInstant(append(b, `,"decidedAt":"`...), o.DecidedAt), '"')
	return append(appendInstant(b, `,"cancelledAt":"`, o.CancelledAt), '}'), nil
}

// appendText, appendTrue and appendInstant write a field, and nothing for an empty text, false, and no time.
func appendText(b []byte, field, text string) []byte {
	if text == "" {
		return b
	}
	return request.AppendString(append(b, field...), text)
}

func appendTrue(b []byte, field string, is bool) []byte {
	if !is {
		return b
	}
	return append(append(b, field...), "true"...)
}

func appendInstant(b []byte, field string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return append(request.AppendInstant(append(b, field...), t), '"')
}

// appendAuditLine writes an act as a line of CSV.
func appendAuditLine(b []byte, r *audit.Recorded) []byte {
	return appendLine(b, strconv.FormatInt(r.ID, 10), string(appendTime(nil, r.At)), r.Actor, r.Network, r.Means, r.Action, r.Subject, string(r.Detail))
}

func appendAct(b []byte, r *audit.Recorded) ([]byte, error) {
	one, err := json.Marshal(auditOf(r))
	return append(b, one...), err
}
