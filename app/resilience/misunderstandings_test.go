//go:build unix

package resilience

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"flashsale/events"
)

// signsOfMisunderstanding are what a process writes in its log when it finds a record, message, row or schema that it cannot
// read. The classes of SQLSTATE are: data that does not fit, a constraint, a name or form that the schema does not have.
var signsOfMisunderstanding = []string{"undecodable", "unreadable", "cannot be read", "cannot be applied", "what no ledger does", "ALARM",
	"SQLSTATE 22", "SQLSTATE 23", "SQLSTATE 42", "cached plan must not change", "number of field descriptions"}

// note keeps the lines of what is written that show a misunderstanding, at most a hundred.
func (l *tail) note(p []byte) {
	l.line = append(l.line, p...)
	for {
		end := bytes.IndexByte(l.line, '\n')
		if end < 0 {
			return
		}
		line := string(l.line[:end])
		l.line = l.line[end+1:]
		if len(l.misunderstood) < 100 && slices.ContainsFunc(signsOfMisunderstanding, func(sign string) bool { return strings.Contains(line, sign) }) {
			l.misunderstood = append(l.misunderstood, line)
		}
	}
}

// notUnderstood lists what the process said about what it could not read.
func (l *tail) notUnderstood() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.misunderstood)
}

// eventsReadable reads the whole events topic as a consumer that knows only the public contract: every record is a CloudEvent of
// a known version and type with a JSON object, and every event of the outbox is there.
func (v *versions) eventsReadable() {
	v.t.Helper()
	v.allPublished()
	ids := map[string]bool{}
	for partition := range events.Partitions {
		for _, m := range v.published(partition) {
			if wrong := unreadableEvent(m); wrong != "" {
				v.t.Errorf("event %d of partition %d: %s", m.Offset, partition, wrong)
			}
			ids[header(m, "ce_id")] = true
		}
	}
	if all := v.number("SELECT coalesce(sum(events), 0) FROM outbox"); int64(len(ids)) != all {
		v.t.Errorf("%d different events are published, the outbox has %d", len(ids), all)
	}
	v.report.note("%d events published", len(ids))
}

// published is every record in a partition of the events topic.
func (v *versions) published(partition int) (all []kafka.Message) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, done := v.kafka()
	defer done()
	topic := v.namespace + ".events"
	res, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: {kafka.LastOffsetOf(partition)}}})
	if err != nil {
		v.t.Fatal(err)
	}
	end := res.Topics[topic][0].LastOffset
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{v.settings.log}, Topic: topic, Partition: partition, MaxWait: 100 * time.Millisecond})
	defer func() { _ = reader.Close() }()
	for int64(len(all)) < end {
		m, err := reader.FetchMessage(ctx)
		if err != nil {
			v.t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

func header(m kafka.Message, name string) string {
	for _, h := range m.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// unreadableEvent says what a consumer written for version 1 of the events cannot read; empty when it can.
func unreadableEvent(m kafka.Message) string {
	var data map[string]any
	err := json.Unmarshal(m.Value, &data)
	_, notTime := time.Parse(time.RFC3339Nano, header(m, "ce_time"))
	switch {
	case header(m, "ce_specversion") != "1.0" || header(m, "content-type") != "application/json":
		return "it is no CloudEvent in binary mode"
	case header(m, "ce_v") != "1":
		return "its version is " + header(m, "ce_v")
	case header(m, "ce_id") == "" || header(m, "ce_type") == "" || header(m, "ce_source") == "" || header(m, "ce_subject") == "" || len(m.Key) == 0:
		return "it lacks an attribute"
	case err != nil || len(data) == 0:
		return errors.Join(errors.New("its data is no object"), err).Error()
	case notTime != nil:
		return notTime.Error()
	default:
		return ""
	}
}

// What shows a misunderstanding is found in a log however it is cut into pieces, and nothing else is.
func TestMisunderstandingsAreFound(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		line string
		want bool
	}{
		{`{"level":"ERROR","msg":"a record cannot be applied; quarantined","error":"undecodable record: version 3, known are 1 to 2"}`, true},
		{`{"level":"WARN","msg":"the outbox's relay was interrupted","error":"row 7: events: undecodable bundle: its version is not 1"}`, true},
		{`{"level":"WARN","msg":"sales cannot be looked up; showing the last figures","error":"ERROR: column \"state\" does not exist (SQLSTATE 42703)"}`, true},
		{`{"level":"WARN","msg":"unreadable message from another process"}`, true},
		{`{"level":"INFO","msg":"another process relays the outbox now"}`, false},
		{`{"level":"WARN","msg":"the outbox's relay was interrupted","error":"FATAL: terminating connection (SQLSTATE 57P01)"}`, false},
	} {
		for _, size := range []int{1, 7, 4096} {
			var l tail
			for piece := range slices.Chunk([]byte("first\n"+one.line+"\nlast"), size) {
				if _, err := l.Write(piece); err != nil {
					t.Fatal(err)
				}
			}
			if got := l.notUnderstood(); (len(got) == 1 && got[0] == one.line) != one.want || !one.want && len(got) > 0 {
				t.Errorf("of %s in pieces of %d bytes: %q", one.line, size, got)
			}
		}
	}
}

// What a consumer of version 1 cannot read is found, and nothing else.
func TestUnreadableEventsAreFound(t *testing.T) {
	t.Parallel()
	good := func() kafka.Message {
		m := kafka.Message{Key: []byte("1"), Value: []byte(`{"sale":1}`)}
		for name, value := range map[string]string{"ce_specversion": "1.0", "ce_id": "1.0-1", "ce_type": "order.confirmed", "ce_source": "x",
			"ce_time": "2026-01-02T03:04:05.6Z", "ce_subject": "s", "ce_v": "1", "content-type": "application/json"} {
			m.Headers = append(m.Headers, kafka.Header{Key: name, Value: []byte(value)})
		}
		return m
	}
	if wrong := unreadableEvent(good()); wrong != "" {
		t.Errorf("a good event: %s", wrong)
	}
	for i := range good().Headers {
		m := good()
		m.Headers[i].Value = []byte("")
		if unreadableEvent(m) == "" {
			t.Errorf("without %s it is readable", m.Headers[i].Key)
		}
	}
	for _, value := range []string{"", "{", "[1]", "null", `"x"`} {
		m := good()
		m.Value = []byte(value)
		if unreadableEvent(m) == "" {
			t.Errorf("with data %q it is readable", value)
		}
	}
}
