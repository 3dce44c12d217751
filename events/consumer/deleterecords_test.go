package consumer

import (
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// The client library has no request that deletes records, as a log's retention does.
type deleteRecordsRequest struct {
	Topics    []deleteRecordsTopic `kafka:"min=v0,max=v1"`
	TimeoutMs int32                `kafka:"min=v0,max=v1"`
}

type deleteRecordsTopic struct {
	Name       string                   `kafka:"min=v0,max=v1"`
	Partitions []deleteRecordsPartition `kafka:"min=v0,max=v1"`
}

type deleteRecordsPartition struct {
	Partition int32 `kafka:"min=v0,max=v1"`
	Offset    int64 `kafka:"min=v0,max=v1"`
}

// ApiKey has the name that the library asks for.
func (*deleteRecordsRequest) ApiKey() protocol.ApiKey { return protocol.DeleteRecords } //nolint:revive // the library's name

// Broker is the partition's leader.
func (r *deleteRecordsRequest) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	topic := r.Topics[0]
	return cluster.Brokers[cluster.Topics[topic.Name].Partitions[topic.Partitions[0].Partition].Leader], nil
}

type deleteRecordsResponse struct {
	ThrottleTimeMs int32 `kafka:"min=v0,max=v1"`
	Topics         []struct {
		Name       string `kafka:"min=v0,max=v1"`
		Partitions []struct {
			Partition    int32 `kafka:"min=v0,max=v1"`
			LowWatermark int64 `kafka:"min=v0,max=v1"`
			ErrorCode    int16 `kafka:"min=v0,max=v1"`
		} `kafka:"min=v0,max=v1"`
	} `kafka:"min=v0,max=v1"`
}

// ApiKey has the name that the library asks for.
func (*deleteRecordsResponse) ApiKey() protocol.ApiKey { return protocol.DeleteRecords } //nolint:revive // the library's name

// Before any test, because the library reads what is registered without a lock.
var _ = func() bool {
	protocol.Register(&deleteRecordsRequest{}, &deleteRecordsResponse{})
	return true
}()

// deleteRecords makes the claims log of a partition begin at an offset.
func deleteRecords(w *world, partition int, before int64) {
	w.Helper()
	answer, err := w.client().Transport.RoundTrip(w.Context(), kafka.TCP(w.log.Brokers()...), &deleteRecordsRequest{TimeoutMs: 5000,
		Topics: []deleteRecordsTopic{{w.log.ClaimsTopic(), []deleteRecordsPartition{{int32(partition), before}}}}})
	if err != nil {
		w.Fatal(err)
	}
	deleted, ok := answer.(*deleteRecordsResponse)
	if !ok || len(deleted.Topics) != 1 || deleted.Topics[0].Partitions[0].ErrorCode != 0 {
		w.Fatalf("delete records: %+v", answer)
	}
}
