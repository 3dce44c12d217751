package embeddedtest

import (
	"context"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"

	"flashsale/app/embedded"
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

// KafkaDial connects to the embedded broker as the product does; nil for a real cluster. The broker's port exists for
// tests only.
func KafkaDial(t testing.TB) embedded.Dial {
	t.Helper()
	if servers.kafka.real() != "" {
		return nil
	}
	return servers.kafka.settings(t).KafkaDial
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
