package outbox

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"flashsale/events"
)

// testdata/before is what the version before wrote, byte for byte; the readers below are copied from it. When
// .ci/previous is renewed, this version becomes the one before:
//
//	go test -run TestFormsOfTheVersionBefore ./events ./events/claimlog ./events/outbox -forms
//
// on the commit that is named there writes the files anew. The readers below become those of that commit.
var forms = flag.Bool("forms", false, "write the present forms into testdata/before")

func messageSamples() []events.Message {
	return []events.Message{
		{SaleID: 7, Type: "order.confirmed", Subject: "0190163d-8694-8000-8abc-def000000001", Data: map[string]any{"unit": 4},
			Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		{SaleID: 7, Type: "stock.changed", Subject: "flash-sale", Data: map[string]any{"total": 5}},
	}
}

func eventSamples(t *testing.T) []event {
	t.Helper()
	var all []event
	for _, m := range messageSamples() {
		data, err := json.Marshal(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, event{kind: m.Type, subject: m.Subject, traceparent: m.Traceparent, data: data})
	}
	return all
}

func rowSample(t *testing.T) row {
	t.Helper()
	return row{id: 42, saleID: 7, createdAt: time.Date(2026, 2, 3, 4, 5, 6, 70_800_000, time.UTC), events: eventSamples(t)}
}

// presentForms are the files as this version writes them.
func presentForms(t *testing.T) map[string][]byte {
	t.Helper()
	bundles, err := bundle(messageSamples())
	if err != nil {
		t.Fatal(err)
	}
	var headers bytes.Buffer
	for _, m := range rowSample(t).cloudEvents("/flashsale/test") {
		fmt.Fprintf(&headers, "key: %s\n", m.Key)
		for _, h := range m.Headers {
			fmt.Fprintf(&headers, "%s: %s\n", h.Key, h.Value)
		}
		fmt.Fprintf(&headers, "\n%s\n\n", m.Value)
	}
	return map[string][]byte{"bundle.hex": append(hex.AppendEncode(nil, bundles[0].bytes), '\n'), "cloudevents.txt": headers.Bytes()}
}

// fromBefore is a file without its last line end.
func fromBefore(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "before", name))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(text, []byte("\n"))
}

// Bundles of the version before that wait in the outbox are read with the same meaning.
func TestFormsOfTheVersionBeforeAreRead(t *testing.T) {
	if *forms {
		for name, text := range presentForms(t) {
			if err := os.WriteFile(filepath.Join("testdata", "before", name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	raw, err := hex.DecodeString(string(fromBefore(t, "bundle.hex")))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := unbundle(raw, len(messageSamples())); err != nil || !reflect.DeepEqual(got, eventSamples(t)) {
		t.Errorf("the bundle is read as %q (%v)", got, err)
	}
}

// What this version writes is read by the version before with the same meaning.
func TestTheVersionBeforeReadsOurForms(t *testing.T) {
	t.Parallel()
	bundles, err := bundle(messageSamples())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := bundleReadBefore(bundles[0].bytes, len(messageSamples())); err != nil || !reflect.DeepEqual(got, eventSamples(t)) {
		t.Errorf("our bundle %x is read as %q (%v)", bundles[0].bytes, got, err)
	}
}

// A consumer of the events topic finds every attribute that was there before, with the same value. There may be more.
func TestPublishedEventsKeepTheirAttributes(t *testing.T) {
	t.Parallel()
	published := strings.Split(string(fromBefore(t, "cloudevents.txt")), "\n\n")
	for i, m := range rowSample(t).cloudEvents("/flashsale/test") {
		ours := map[string]string{"key": string(m.Key)}
		for _, h := range m.Headers {
			ours[h.Key] = string(h.Value)
		}
		for line := range strings.Lines(published[2*i] + "\n") {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			if ours[name] != value {
				t.Errorf("event %d: %s is %q, it was %q", i, name, ours[name], value)
			}
		}
		if value := strings.TrimSuffix(published[2*i+1], "\n"); string(m.Value) != value {
			t.Errorf("event %d: the data is %s, it was %s", i, m.Value, value)
		}
	}
}

// bundleReadBefore is how the version before reads a bundle.
func bundleReadBefore(b []byte, count int) (events []event, err error) {
	if len(b) == 0 || b[0] != 1 {
		return nil, errors.New("its version is not 1")
	}
	for b = b[1:]; len(b) > 0; {
		var fields [4][]byte
		for i := range fields {
			length, n := binary.Uvarint(b)
			if n <= 0 || length > uint64(len(b)-n) {
				return nil, errors.New("cut off")
			}
			fields[i], b = b[n:n+int(length)], b[n+int(length):]
		}
		events = append(events, event{string(fields[0]), string(fields[1]), string(fields[2]), fields[3]})
	}
	if len(events) != count {
		return nil, fmt.Errorf("%d events instead of %d", len(events), count)
	}
	return events, nil
}
