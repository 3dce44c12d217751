package embeddedtest

import (
	"context"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"
)

// Kafka is the brokers' addresses and the log's identity, which is empty for a real cluster: that one is
// asked for its own. Use a Namespace for the topics.
func Kafka(t testing.TB) (brokers []string, logID string) {
	t.Helper()
	if list := servers.kafka.real(); list != "" {
		return strings.Split(list, ","), ""
	}
	s := servers.kafka.settings(t)
	return s.KafkaBrokers, s.KafkaID
}

// deleteTopics removes the namespace's topics from a real cluster, which otherwise keeps their files for days.
func deleteTopics(ctx context.Context, brokers []string, namespace string) error {
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(brokers...), Transport: transport}
	meta, err := client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return err
	}
	var names []string
	for _, topic := range meta.Topics {
		if strings.HasPrefix(topic.Name, namespace+".") {
			names = append(names, topic.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	_, err = client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: names})
	return err
}
