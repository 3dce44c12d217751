package sale

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
)

// The answer to an operator's act is kept as JSON and contains receipts. The shopper's key is not for operators.
func TestAReceiptIsWrittenWithoutItsIdempotencyKey(t *testing.T) {
	t.Parallel()
	r := ReceiptOf(&events.Verdict{ClaimID: uuid.UUID{1}, SaleID: 2, Generation: 3, UserID: 4, Username: "anna", Unit: 5, At: time.Unix(6, 0).UTC(), Attempt: 7})
	r.IdempotencyKey, r.KeyKnown = uuid.UUID{8}, true
	got, err := json.Marshal(r)
	const want = `{"OrderID":"01000000-0000-0000-0000-000000000000","SaleID":2,"Generation":3,"UserID":4,"Username":"anna","Unit":5,` +
		`"At":"1970-01-01T00:00:06Z","Attempt":7}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

func TestAReceiptShowsTheTimeOfThePressIfItIsKnown(t *testing.T) {
	t.Parallel()
	pressed, decided := time.Unix(6, 0).UTC(), time.Unix(9, 0).UTC()
	if r := ReceiptOf(&events.Verdict{PressedAt: pressed, At: decided}); r.At != pressed {
		t.Errorf("a receipt of %s, want %s", r.At, pressed)
	}
	if r := ReceiptOf(&events.Verdict{At: decided}); r.At != decided {
		t.Errorf("a receipt of %s, want %s", r.At, decided)
	}
}
