package claimlog

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"
)

// rightsTime bounds the look at what this user may do.
const rightsTime = 3 * time.Second

// rightError says what a cluster that answers does not allow.
type rightError struct{ lacks string }

func (e *rightError) Error() string { return "does not allow this user to " + e.lacks }

// Rights returns an error when the cluster says that this user may not write claims, or not read them as the product's group. It asks
// without writing: for a number of a producer, which those get who may write to a topic, and with a sign of life of no member. Any other
// answer does not matter here.
func (l *Log) Rights(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, rightsTime)
	defer cancel()
	producer, err := l.client.InitProducerID(ctx, &kafka.InitProducerIDRequest{ProducerID: -1, ProducerEpoch: -1})
	if err == nil {
		err = producer.Error
	}
	if errors.Is(err, kafka.ClusterAuthorizationFailed) {
		return &rightError{"write to " + l.ClaimsTopic()}
	}
	coordinator, err := l.client.FindCoordinator(ctx, &kafka.FindCoordinatorRequest{Key: l.Group(), KeyType: kafka.CoordinatorKeyTypeConsumer})
	if err == nil {
		err = coordinator.Error
	}
	if errors.Is(err, kafka.GroupAuthorizationFailed) {
		return &rightError{"read as the group " + l.Group()}
	}
	member, err := l.client.Heartbeat(ctx, &kafka.HeartbeatRequest{GroupID: l.Group(), GenerationID: -1, MemberID: "nobody"})
	if err == nil {
		err = member.Error
	}
	if errors.Is(err, kafka.GroupAuthorizationFailed) {
		return &rightError{"read as the group " + l.Group()}
	}
	return nil
}
