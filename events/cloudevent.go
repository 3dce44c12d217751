package events

import (
	"fmt"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// eventVersion is the version of the published payloads.
const eventVersion = "1"

// row is an event as it stands in the outbox.
type row struct {
	id          int64
	saleID      int64
	createdAt   time.Time
	kind        string
	subject     string
	traceparent string
	data        string
}

// cloudEvent is the row in the Kafka protocol binding's binary mode. Every header follows from the row, so a repeat
// carries the same id; the time in it keeps ids apart after a restore from a backup has taken numbers back.
func (r row) cloudEvent(source string) message {
	at := r.createdAt.UTC()
	headers := []protocol.Header{
		{Key: "ce_specversion", Value: []byte("1.0")},
		{Key: "ce_id", Value: fmt.Appendf(nil, "%d-%d", r.id, at.UnixMicro())},
		{Key: "ce_type", Value: []byte(r.kind)},
		{Key: "ce_source", Value: []byte(source)},
		{Key: "ce_time", Value: at.AppendFormat(nil, time.RFC3339Nano)},
		{Key: "ce_subject", Value: []byte(r.subject)},
		{Key: "ce_v", Value: []byte(eventVersion)},
		{Key: "content-type", Value: []byte("application/json")},
	}
	if r.traceparent != "" {
		headers = append(headers,
			protocol.Header{Key: "ce_traceparent", Value: []byte(r.traceparent)},
			protocol.Header{Key: traceHeader, Value: []byte(r.traceparent)})
	}
	return message{key: r.key(), value: []byte(r.data), headers: headers}
}

func (r row) key() []byte { return strconv.AppendInt(nil, r.saleID, 10) }

// partition is the one kafka-go's hash balancer chooses for the key among the partitions the topic was made with.
func (r row) partition() int {
	var balancer kafka.Hash
	return balancer.Balance(kafka.Message{Key: r.key()}, everyPartition()...)
}
