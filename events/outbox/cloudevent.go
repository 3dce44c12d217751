package outbox

import (
	"slices"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"flashsale/events/claimlog"
)

// eventVersion is the version of the published payloads.
const eventVersion = "1"

// row is a row of the outbox: the events of one transaction about one sale, in order.
type row struct {
	id        int64
	saleID    int64
	createdAt time.Time
	// count is how many events the row says it has.
	count  int
	events []event
	// unreadable says why events is not to be used; nil when it is. raw is the bundle that was read.
	unreadable error
	raw        []byte
}

// cloudEvents is the row in the Kafka protocol binding's binary mode. Every header follows from the row, so a repeat
// carries the same id; the time in it keeps ids apart after a restore from a backup has taken numbers back.
func (r row) cloudEvents(source string) []claimlog.Message {
	at := r.createdAt.UTC()
	head := append(strconv.AppendInt(nil, r.id, 10), '.')
	tail := strconv.AppendInt([]byte("-"), at.UnixMicro(), 10)
	key, from, when := r.key(), []byte(source), at.AppendFormat(nil, time.RFC3339Nano)
	spec, version, format := []byte("1.0"), []byte(eventVersion), []byte("application/json")
	messages := make([]claimlog.Message, len(r.events))
	all := make([]protocol.Header, 0, 10*len(r.events)) // one piece of memory for the headers of all events
	var kind []byte
	for i, e := range r.events {
		id := make([]byte, 0, len(head)+len(tail)+4)
		id = append(strconv.AppendInt(append(id, head...), int64(i), 10), tail...)
		if i == 0 || string(kind) != e.kind {
			kind = []byte(e.kind)
		}
		headers := all[len(all):]
		headers = append(headers,
			protocol.Header{Key: "ce_specversion", Value: spec},
			protocol.Header{Key: "ce_id", Value: id},
			protocol.Header{Key: "ce_type", Value: kind},
			protocol.Header{Key: "ce_source", Value: from},
			protocol.Header{Key: "ce_time", Value: when},
			protocol.Header{Key: "ce_subject", Value: []byte(e.subject)},
			protocol.Header{Key: "ce_v", Value: version},
			protocol.Header{Key: "content-type", Value: format})
		if e.traceparent != "" {
			trace := []byte(e.traceparent)
			headers = append(headers, protocol.Header{Key: "ce_traceparent", Value: trace}, protocol.Header{Key: claimlog.TraceHeader, Value: trace})
		}
		all = all[:len(all)+len(headers)]
		messages[i] = claimlog.Message{Key: key, Value: e.data, Headers: slices.Clip(headers)}
	}
	return messages
}

func (r row) key() []byte { return strconv.AppendInt(nil, r.saleID, 10) }

// partition is the one kafka-go's hash balancer chooses for the key among the partitions the topic was made with.
func (r row) partition() int {
	var balancer kafka.Hash
	return balancer.Balance(kafka.Message{Key: r.key()}, claimlog.EveryPartition()...)
}
