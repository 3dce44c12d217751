package outbox

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"flashsale/events"
)

// FuzzEventRecord: what stands in the outbox is what subscribers get: the same bytes, under the sale's key and an id that
// belongs to this row alone, and the same again when it is published twice.
func FuzzEventRecord(f *testing.F) {
	f.Add(int64(1), int64(7), int64(1_767_268_800_000_000), events.TypeOrderConfirmed, "an order", "", `{"unit":1}`)
	f.Add(int64(-1), int64(-9), int64(0), "\x00", "a\r\nb: c", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "")
	f.Add(int64(1<<62), int64(1<<62), int64(-1), "", "\xff\u202e", "x", `"`+strings.Repeat("é", 900)+`"`)
	f.Fuzz(func(t *testing.T, id, sale, micro int64, kind, subject, trace, data string) {
		at := time.UnixMicro(micro).UTC()
		if at.Year() < 0 || at.Year() > 9999 {
			return
		}
		packed, err := bundle([]events.Message{{SaleID: sale, Type: kind, Subject: subject, Traceparent: trace, Data: data}})
		if err != nil {
			t.Fatal(err)
		}
		unpacked, err := unbundle(packed[0].bytes, 1)
		if err != nil || unpacked[0].kind != kind || unpacked[0].subject != subject || unpacked[0].traceparent != trace {
			t.Fatalf("%q %q %q were unpacked as %+v (%v)", kind, subject, trace, unpacked, err)
		}
		unpacked[0].data = []byte(data)
		event := row{id: id, saleID: sale, createdAt: at, events: unpacked}
		m := event.cloudEvents("/source")[0]
		if repeat := event.cloudEvents("/source")[0]; !reflect.DeepEqual(m, repeat) {
			t.Fatalf("%+v is two events", event)
		}
		if p := event.partition(); p < 0 || p >= events.Partitions {
			t.Fatalf("sale %d goes to partition %d", sale, p)
		}
		headers := map[string]string{}
		for _, h := range m.Headers {
			if _, twice := headers[h.Key]; twice {
				t.Fatalf("%s stands there twice", h.Key)
			}
			headers[h.Key] = string(h.Value)
		}
		told, err := time.Parse(time.RFC3339Nano, headers["ce_time"])
		if err != nil || !told.Equal(at) || headers["ce_type"] != kind || headers["ce_subject"] != subject ||
			headers["traceparent"] != trace || headers["ce_traceparent"] != trace || headers["content-type"] != "application/json" {
			t.Fatalf("%+v became %v (%v)", event, headers, err)
		}
		other := event
		other.id++
		if next := other.cloudEvents("/source")[0]; bytes.Equal(next.Headers[1].Value, m.Headers[1].Value) || next.Headers[1].Key != "ce_id" {
			t.Fatalf("two rows have the id %s", m.Headers[1].Value)
		}
		if key, err := json.Marshal(sale); err != nil || !bytes.Equal(m.Key, key) {
			t.Fatalf("sale %d has the key %q", sale, m.Key)
		}
		if string(m.Value) != data {
			t.Fatalf("%q has the value %q", data, m.Value)
		}
	})
}
