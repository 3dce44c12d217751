package claimlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"flashsale/events"
)

// Message is a record on its way to the log.
type Message struct {
	Key, Value []byte
	Headers    []protocol.Header
}

// ErrUnacknowledged means that the log did not confirm a write in time. The records may be in it or may still get
// there. A claim that does gets the verdict that it already has, and changes nothing.
var ErrUnacknowledged = errors.New("events: the log did not acknowledge")

const (
	// appendTimeout bounds a call whose context has no deadline of its own.
	appendTimeout = 5 * time.Second
	// produceTries, with pauses growing from retryPause, last longer than an ordinary change of leader.
	produceTries = 6
	retryPause   = 10 * time.Millisecond
)

// Append writes the claims to a partition of the claims log as one batch, in order, all or none, and returns their
// positions once every in-sync replica has them. It never works on past ctx's deadline; the error is
// [ErrUnacknowledged] unless it is certain that the batch is not in the log. Two calls at once for one partition may be written in
// either order.
func (l *Log) Append(ctx context.Context, partition int, claims []events.Claim) ([]events.Position, error) {
	if len(claims) == 0 {
		return nil, nil
	}
	messages, err := encodeClaims(claims)
	if err != nil {
		return nil, err
	}
	own := l.readers.begin(partition)
	defer own.end()
	began := time.Now()
	// gofail: var appendDue struct{}
	base, err := l.Produce(ctx, l.ClaimsTopic(), partition, messages)
	if err != nil {
		return nil, err
	}
	// gofail: var claimsAppended struct{}
	l.metrics.append.Observe(time.Since(began).Seconds())
	own.acknowledged(base, messages)
	positions := make([]events.Position, len(claims))
	for i := range positions {
		positions[i] = events.Position{Partition: partition, Offset: base + int64(i)}
	}
	return positions, nil
}

// Produce sends one batch to one partition and returns the offset of its first record. A failure that may pass once the
// cluster's layout is learnt anew (a leader that moved, a connection that died while idle) is tried again, a few times within
// the deadline.
func (l *Log) Produce(ctx context.Context, topic string, partition int, messages []Message) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	done := l.sending(topic, partition, messages)
	base, err := l.produceOnce(ctx, topic, partition, messages)
	for try := 1; try < produceTries && err != nil && curable(err); try++ {
		l.RefreshFor(err)
		if topicGone(err) {
			l.recreateTopics(ctx, err)
		}
		if events.Pause(ctx, time.Duration(try*try)*retryPause) != nil {
			break
		}
		base, err = l.produceOnce(ctx, topic, partition, messages)
	}
	done(err)
	who := l.writer(topic)
	if err != nil {
		err = fmt.Errorf("%w: append to %s/%d: %w", ErrUnacknowledged, topic, partition, err)
		if !errors.Is(ctx.Err(), context.Canceled) { // the caller has left; the log is not to blame
			l.refused.Failed(who, err)
		}
		return 0, err
	}
	l.gone.Recovered(events.Sole)
	l.refused.Recovered(who)
	return base, nil
}

// sending tells Config.Sending of a batch.
func (l *Log) sending(topic string, partition int, batch []Message) (done func(error)) {
	if l.cfg.Sending != nil {
		done = l.cfg.Sending(topic, partition, batch)
	}
	if done == nil {
		return func(error) {}
	}
	return done
}

// writer is the number of those who write to a topic, in the outage of writing.
func (l *Log) writer(topic string) int {
	if topic == l.ClaimsTopic() {
		return 1
	}
	return 2
}

// Trouble is why records could not be written a moment ago, or nil.
func (l *Log) Trouble() error { return l.refused.Failing() }

func (l *Log) produceOnce(ctx context.Context, topic string, partition int, messages []Message) (int64, error) {
	res, err := l.client.Produce(ctx, &kafka.ProduceRequest{
		Topic:        topic,
		Partition:    partition,
		RequiredAcks: kafka.RequireAll,
		Records:      &messageReader{messages: messages},
	})
	if err != nil {
		return 0, err
	}
	return res.BaseOffset, res.Error
}

// recreateTopics creates topics again that were deleted under a running process.
func (l *Log) recreateTopics(ctx context.Context, cause error) {
	l.gone.Failed(events.Sole, cause, "topics", []string{l.ClaimsTopic(), l.EventsTopic()})
	if err := l.createTopics(ctx); err != nil {
		l.logger.Debug("cannot create topics", "error", err)
	}
}

// curable is false for a broker's refusal that is the same the second time, and true for everything else.
func curable(err error) bool {
	var code kafka.Error
	if !errors.As(err, &code) {
		return true
	}
	switch code {
	case kafka.NotLeaderForPartition, kafka.LeaderNotAvailable, kafka.UnknownTopicOrPartition, kafka.BrokerNotAvailable,
		kafka.ReplicaNotAvailable, kafka.NetworkException, kafka.KafkaStorageError, kafka.FencedLeaderEpoch,
		kafka.UnknownLeaderEpoch:
		return true
	}
	return false
}

// topicGone is true when the cluster, or the client's copy of its layout, has no such topic.
func topicGone(err error) bool {
	return errors.Is(err, kafka.UnknownTopicOrPartition) || errors.Is(err, protocol.ErrNoTopic) ||
		errors.Is(err, protocol.ErrNoPartition)
}

// messageReader hands messages to the client, all in the same record. Each attempt has its own: a first one that timed out may
// still be reading.
type messageReader struct {
	messages   []Message
	record     kafka.Record
	key, value body
}

// ReadRecord returns a record that is valid until the next one is read.
func (r *messageReader) ReadRecord() (*kafka.Record, error) {
	if len(r.messages) == 0 {
		return nil, io.EOF
	}
	m := r.messages[0]
	r.messages = r.messages[1:]
	r.record = kafka.Record{Key: r.key.over(m.Key), Value: r.value.over(m.Value), Headers: m.Headers}
	return &r.record, nil
}

// body is what kafka.NewBytes makes, for one message after the other.
type body struct{ bytes.Reader }

// Close releases nothing.
func (*body) Close() error { return nil }

func (b *body) over(content []byte) kafka.Bytes {
	if content == nil {
		return nil
	}
	b.Reset(content)
	return b
}
