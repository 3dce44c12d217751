package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"

	"flashsale/events"
)

// A bundle is all events of one transaction about one sale, as one value of the outbox: a version byte, then for each
// event its type, subject, traceparent and data, each after its length. One row for each event, marked by itself when
// it is published, costs Postgres as much as the orders themselves.

const bundleVersion = 1

var (
	errBundle = errors.New("events: undecodable bundle")
	// errNewerBundle: the next version of this program wrote it and can read it. Two versions run side by side, never
	// three, so a larger number is no version.
	errNewerBundle = errors.New("events: a bundle of a newer version")
)

// event is a message as the outbox keeps it.
type event struct {
	kind, subject, traceparent string
	data                       []byte
}

// bundled is the bundle of one sale while it is being made.
type bundled struct {
	sale  int64
	count int32
	bytes []byte
	data  []byte // of the last event; its room is used again
}

// bundle sorts messages by their sale, keeping their order within each, and the sales in the order of their first message.
func bundle(messages []events.Message) ([]*bundled, error) {
	var bundles []*bundled
	bySale := make(map[int64]*bundled, 1)
	for i := range messages {
		m := &messages[i]
		b := bySale[m.SaleID]
		if b == nil {
			b = &bundled{sale: m.SaleID, bytes: append(make([]byte, 0, 256*len(messages)), bundleVersion)}
			bySale[m.SaleID] = b
			bundles = append(bundles, b)
		}
		if err := b.add(m); err != nil {
			return nil, fmt.Errorf("encode event %s of sale %d: %w", m.Type, m.SaleID, err)
		}
	}
	return bundles, nil
}

func (b *bundled) add(m *events.Message) error {
	var err error
	if b.data, err = appendData(b.data[:0], m.Data); err != nil {
		return err
	}
	for _, text := range []string{m.Type, m.Subject, m.Traceparent} {
		b.bytes = append(binary.AppendUvarint(b.bytes, uint64(len(text))), text...)
	}
	b.bytes = append(binary.AppendUvarint(b.bytes, uint64(len(b.data))), b.data...)
	b.count++
	return nil
}

// unbundle reads what bundle has written. The data of the events is part of b.
func unbundle(b []byte, count int) ([]event, error) {
	if len(b) > 0 && b[0] == bundleVersion+1 {
		return nil, fmt.Errorf("%w: %d, this program reads %d", errNewerBundle, b[0], bundleVersion)
	}
	if len(b) == 0 || b[0] != bundleVersion {
		return nil, fmt.Errorf("%w: its version is not %d", errBundle, bundleVersion)
	}
	b = b[1:]
	// Each event takes at least its four lengths, so a false count cannot make this allocate much.
	events := make([]event, 0, min(count, len(b)/4))
	for len(b) > 0 {
		var fields [4][]byte
		for i := range fields {
			length, n := binary.Uvarint(b)
			if n <= 0 || length > uint64(len(b)-n) {
				return nil, fmt.Errorf("%w: event %d is cut off", errBundle, len(events))
			}
			fields[i], b = b[n:n+int(length)], b[n+int(length):]
		}
		events = append(events, event{string(fields[0]), string(fields[1]), string(fields[2]), fields[3]})
	}
	if len(events) != count {
		return nil, fmt.Errorf("%w: %d events instead of %d", errBundle, len(events), count)
	}
	return events, nil
}
