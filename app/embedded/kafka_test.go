package embedded

import (
	"context"
	"errors"
	"testing"

	kafkago "github.com/segmentio/kafka-go"
)

const (
	testTopic = "restart.claims"
	testGroup = "restart-ledger"
)

// broker is a client of the log that closes its connections with the test.
func broker(t *testing.T, s *Stack) *kafkago.Client {
	t.Helper()
	transport := &kafkago.Transport{Dial: s.Settings().KafkaDial}
	t.Cleanup(transport.CloseIdleConnections)
	return &kafkago.Client{Addr: kafkago.TCP(s.Settings().KafkaBrokers...), Transport: transport}
}

func TestLogSurvivesARestart(t *testing.T) {
	t.Parallel()
	o := Options{Dir: t.TempDir(), Kafka: true}
	first := start(t, o)
	id := first.Settings().KafkaID
	writeRecords(t, broker(t, first), "a", "b", "c")
	if err := moveGroup(within(t), broker(t, first), 2); err != nil {
		t.Fatal(err)
	}
	stop(t, first)

	second := start(t, o)
	if got := second.Settings().KafkaID; got != id {
		t.Errorf("the log's identity became %s, was %s", got, id)
	}
	checkRecords(t, broker(t, second), "a", "b", "c")
	checkOffset(t, broker(t, second), 2)
}

func TestALogsIdentityIsItsOwn(t *testing.T) {
	t.Parallel()
	a, b := start(t, Options{Dir: t.TempDir(), Kafka: true}), start(t, Options{Dir: t.TempDir(), Kafka: true})
	if a.Settings().KafkaID == b.Settings().KafkaID {
		t.Errorf("two logs share the identity %s", a.Settings().KafkaID)
	}
	meta, err := broker(t, a).Metadata(within(t), &kafkago.MetadataRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if meta.ClusterID != a.Settings().KafkaID {
		t.Errorf("the cluster calls itself %s, the settings %s", meta.ClusterID, a.Settings().KafkaID)
	}
}

func writeRecords(t *testing.T, c *kafkago.Client, values ...string) {
	t.Helper()
	if err := produce(within(t), c, values...); err != nil {
		t.Fatal(err)
	}
}

// produce makes the topic and appends to it.
func produce(ctx context.Context, c *kafkago.Client, values ...string) error {
	made, err := c.CreateTopics(ctx, &kafkago.CreateTopicsRequest{
		Topics: []kafkago.TopicConfig{{Topic: testTopic, NumPartitions: 1, ReplicationFactor: 1}},
	})
	if err != nil {
		return err
	}
	var records []kafkago.Record
	for _, v := range values {
		records = append(records, kafkago.Record{Value: kafkago.NewBytes([]byte(v))})
	}
	produced, err := c.Produce(ctx, &kafkago.ProduceRequest{
		Topic: testTopic, RequiredAcks: kafkago.RequireAll, Records: kafkago.NewRecordReader(records...),
	})
	if err != nil {
		return err
	}
	return errors.Join(made.Errors[testTopic], produced.Error)
}

func checkRecords(t *testing.T, c *kafkago.Client, want ...string) {
	t.Helper()
	fetched, err := c.Fetch(within(t), &kafkago.FetchRequest{Topic: testTopic, MinBytes: 1, MaxBytes: 1 << 20})
	if err != nil || fetched.Error != nil {
		t.Fatalf("fetch: %v %v", err, fetched)
	}
	for i, w := range want {
		r, err := fetched.Records.ReadRecord()
		if err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		if got, err := kafkago.ReadAll(r.Value); err != nil || string(got) != w {
			t.Errorf("record %d is %q (%v), want %q", i, got, err, w)
		}
	}
}

// moveGroup commits the group's offset.
func moveGroup(ctx context.Context, c *kafkago.Client, offset int64) error {
	res, err := c.OffsetCommit(ctx, &kafkago.OffsetCommitRequest{
		GroupID: testGroup, GenerationID: -1,
		Topics: map[string][]kafkago.OffsetCommit{testTopic: {{Partition: 0, Offset: offset}}},
	})
	if err != nil {
		return err
	}
	return res.Topics[testTopic][0].Error
}

func checkOffset(t *testing.T, c *kafkago.Client, want int64) {
	t.Helper()
	res, err := c.OffsetFetch(within(t), &kafkago.OffsetFetchRequest{
		GroupID: testGroup, Topics: map[string][]int{testTopic: {0}},
	})
	if err != nil || res.Error != nil || len(res.Topics[testTopic]) == 0 {
		t.Fatalf("fetch offset: %v %+v", err, res)
	}
	if got := res.Topics[testTopic][0].CommittedOffset; got != want {
		t.Errorf("the group stands at %d, want %d", got, want)
	}
}
