package claimlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"

	"flashsale/events"
)

const (
	retention = 7 * 24 * time.Hour
	// metadataTimeout bounds a question for the cluster's brokers and topics.
	metadataTimeout = 10 * time.Second
)

// createTopics does nothing when the topics exist, so several processes may start at once.
func (l *Log) createTopics(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	meta, err := l.client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return fmt.Errorf("ask for metadata: %w", err)
	}
	missing := l.missingTopics(meta)
	if len(missing) == 0 {
		return nil
	}
	res, err := l.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: missing})
	if err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	for topic, err := range res.Errors {
		if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
			return fmt.Errorf("create topic %s: %w", topic, err)
		}
	}
	return nil
}

// Missing lists the topics of this namespace that the cluster does not have.
func (l *Log) Missing(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	meta, err := l.client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return nil, fmt.Errorf("%w: ask for metadata: %w", events.ErrLog, err)
	}
	var names []string
	for _, topic := range l.missingTopics(meta) {
		names = append(names, topic.Topic)
	}
	return names, nil
}

// RemoveTopics deletes both topics with all that they hold, and returns when the cluster no longer knows them. It is
// for the end of a deployment: a process that still runs makes them again.
func (l *Log) RemoveTopics(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	topics := []string{l.ClaimsTopic(), l.EventsTopic()}
	res, err := l.client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: topics})
	if err != nil {
		return fmt.Errorf("%w: delete topics: %w", events.ErrLog, err)
	}
	for topic, err := range res.Errors {
		if err != nil && !errors.Is(err, kafka.UnknownTopicOrPartition) {
			return fmt.Errorf("%w: delete topic %s: %w", events.ErrLog, topic, err)
		}
	}
	for {
		l.refresh()
		meta, err := l.client.Metadata(ctx, &kafka.MetadataRequest{})
		if err == nil && len(l.missingTopics(meta)) == len(topics) {
			return nil
		}
		if waited := events.Pause(ctx, 100*time.Millisecond); waited != nil {
			return fmt.Errorf("%w: the deleted topics are still there: %w", events.ErrLog, errors.Join(err, waited))
		}
	}
}

func (l *Log) missingTopics(meta *kafka.MetadataResponse) []kafka.TopicConfig {
	var missing []kafka.TopicConfig
	for _, name := range []string{l.ClaimsTopic(), l.EventsTopic()} {
		known := slices.ContainsFunc(meta.Topics, func(t kafka.Topic) bool { return t.Name == name && t.Error == nil })
		if !known {
			missing = append(missing, topicConfig(name, len(meta.Brokers)))
		}
	}
	return missing
}

// topicConfig asks for three replicas of which two must have a record before it counts as written, as far as the
// cluster has brokers for that. A replica that lags must not become leader, because then acknowledged claims are lost.
func topicConfig(name string, brokers int) kafka.TopicConfig {
	replicas := max(1, min(3, brokers))
	insync := max(1, replicas-1)
	return kafka.TopicConfig{
		Topic:             name,
		NumPartitions:     events.Partitions,
		ReplicationFactor: replicas,
		ConfigEntries: []kafka.ConfigEntry{
			{ConfigName: "cleanup.policy", ConfigValue: "delete"},
			{ConfigName: "retention.ms", ConfigValue: strconv.FormatInt(retention.Milliseconds(), 10)},
			{ConfigName: "min.insync.replicas", ConfigValue: strconv.Itoa(insync)},
			{ConfigName: "unclean.leader.election.enable", ConfigValue: "false"},
		},
	}
}

// settledMetadata waits until every partition has a leader that knows it is one: creation is asynchronous, and without
// the wait the first claims of a new topic are refused.
func (l *Log) settledMetadata(ctx context.Context) (*kafka.MetadataResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for {
		meta, err := l.lookSettled(ctx)
		if err == nil {
			return meta, nil
		}
		if waitErr := events.Pause(ctx, 50*time.Millisecond); waitErr != nil {
			return nil, fmt.Errorf("topics are not ready: %w", err)
		}
		l.refresh()
	}
}

func (l *Log) lookSettled(ctx context.Context) (*kafka.MetadataResponse, error) {
	topics := []string{l.ClaimsTopic(), l.EventsTopic()}
	meta, err := l.client.Metadata(ctx, &kafka.MetadataRequest{Topics: topics})
	if err != nil {
		return nil, fmt.Errorf("ask for metadata: %w", err)
	}
	for _, t := range meta.Topics {
		if t.Error != nil {
			return nil, fmt.Errorf("topic %s: %w", t.Name, t.Error)
		}
		if n := len(t.Partitions); n < events.Partitions {
			return nil, fmt.Errorf("topic %s has %d partitions, %d are needed", t.Name, n, events.Partitions)
		}
	}
	for _, topic := range topics {
		if _, err := l.ranges(ctx, topic, EveryPartition()...); err != nil {
			return nil, err
		}
	}
	return meta, nil
}

// Description is what an operator wants to know about the log.
type Description struct {
	// ID is the log's identity, ClusterID what the cluster calls itself.
	ID, ClusterID string
	// Brokers are the addresses the cluster announces.
	Brokers []string
	Topics  []TopicDescription
}

// TopicDescription is one topic with its number of partitions, and of those without a leader.
type TopicDescription struct {
	Name       string
	Partitions int
	Leaderless int
}

// Describe asks the cluster for its brokers and our topics. The protocol does not tell a broker's version.
func (l *Log) Describe(ctx context.Context) (Description, error) {
	meta, err := l.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{l.ClaimsTopic(), l.EventsTopic()}})
	if err != nil {
		return Description{}, fmt.Errorf("%w: describe: %w", events.ErrLog, err)
	}
	d := Description{ID: l.id, ClusterID: meta.ClusterID}
	for _, b := range meta.Brokers {
		d.Brokers = append(d.Brokers, fmt.Sprintf("%s:%d", b.Host, b.Port))
	}
	for _, t := range meta.Topics {
		topic := TopicDescription{Name: t.Name, Partitions: len(t.Partitions)}
		for _, p := range t.Partitions {
			if p.Leader.Host == "" {
				topic.Leaderless++
			}
		}
		d.Topics = append(d.Topics, topic)
	}
	return d, nil
}
