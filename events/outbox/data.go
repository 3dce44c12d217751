package outbox

import (
	"encoding/json"
	"strconv"

	"flashsale/events"
	"flashsale/events/claimlog"
)

// appendData appends what json.Marshal makes of the data of an event. The data of orders, nearly all that there is in a sale, is written
// by hand where it is plain; a fuzz test compares both.
func appendData(b []byte, data any) ([]byte, error) {
	if o, ok := data.(*events.ConfirmedOrder); ok {
		if longer, ok := appendOrder(b, o); ok {
			return longer, nil
		}
	}
	value, err := json.Marshal(data)
	return append(b, value...), err
}

// appendOrder is false for an order that encoding/json writes with escapes, or refuses.
func appendOrder(b []byte, o *events.ConfirmedOrder) ([]byte, bool) {
	if !claimlog.Plain(o.Order) || !claimlog.Plain(o.Username) {
		return nil, false
	}
	b = append(append(b, `{"order":"`...), o.Order...)
	b = strconv.AppendInt(append(b, `","sale":`...), o.Sale, 10)
	b = strconv.AppendInt(append(b, `,"generation":`...), o.Generation, 10)
	b = strconv.AppendInt(append(b, `,"user":`...), o.User, 10)
	b = append(append(b, `,"username":"`...), o.Username...)
	b = strconv.AppendInt(append(b, `","unit":`...), o.Unit, 10)
	b, err := o.At.AppendText(append(b, `,"at":"`...))
	if err == nil && !o.PressedAt.IsZero() {
		b, err = o.PressedAt.AppendText(append(b, `","pressedAt":"`...))
	}
	return append(b, `"}`...), err == nil
}
