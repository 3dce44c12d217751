package outbox

import (
	"encoding/json"
	"testing"
	"time"

	"flashsale/events"
)

// What is published keeps its bytes, whoever writes it.
func FuzzOrdersAreWrittenAsEncodingJSONWritesThem(f *testing.F) {
	f.Add("b23e6062-bacf-82c0-8965-4a62aa98d8ef", "shopper", int64(1), int64(2), int64(3), int64(4), int64(1_700_000_000), int64(123_456_000), int64(0), int64(0))
	f.Add("", "Zo\u00eb <\u2028>", int64(-1), int64(0), int64(1)<<62, int64(-5), int64(0), int64(0), int64(1_700_000_000), int64(1))
	f.Add("\xff\"", "a\\b\x00", int64(0), int64(0), int64(0), int64(0), int64(1)<<40, int64(0), int64(-1)<<40, int64(0))
	f.Fuzz(func(t *testing.T, order, name string, sale, generation, user, unit, at, nanos, pressed, pressedNanos int64) {
		o := events.ConfirmedOrder{Order: order, Sale: sale, Generation: generation, User: user, Username: name, Unit: unit, At: time.Unix(at, nanos).UTC()}
		if pressed != 0 {
			o.PressedAt = time.Unix(pressed, pressedNanos).In(time.FixedZone("", int(pressedNanos%100_000)))
		}
		want, wantErr := json.Marshal(o)
		got, err := appendData([]byte("before"), &o)
		if (err == nil) != (wantErr == nil) || err == nil && string(got) != "before"+string(want) {
			t.Fatalf("got %s (%v), want %s (%v)", got, err, want, wantErr)
		}
	})
}

// An order of the ledger is written by hand, without reflection.
func TestAPlainOrderIsWrittenByHand(t *testing.T) {
	t.Parallel()
	o := &events.ConfirmedOrder{Order: "b23e6062-bacf-82c0-8965-4a62aa98d8ef", Sale: 1, Generation: 1, User: 2, Username: "Zo\u00eb", Unit: 1, At: time.Now(), PressedAt: time.Now()}
	if _, ok := appendOrder(nil, o); !ok {
		t.Error("it is left to encoding/json")
	}
}
