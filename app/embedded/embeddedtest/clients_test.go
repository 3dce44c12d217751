package embeddedtest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/segmentio/kafka-go"

	"flashsale/app/embedded/embeddedtest"
)

// TestClientsLeaveNothing: what the clients of the servers start ends with them. Main checks this at the end of this
// package's run, and ignores no goroutine.
func TestClientsLeaveNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	namespace := embeddedtest.Namespace(t)
	t.Run("Kafka", func(t *testing.T) { writeAndRead(ctx, t, namespace) })
	t.Run("Redis", func(t *testing.T) { publishAndHear(ctx, t, namespace) })
	t.Run("HTTP", func(t *testing.T) {
		s := httptest.NewServer(http.NotFoundHandler())
		defer s.Close()
		res, err := http.Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	})
}

// writeAndRead uses the default transport, which nobody closes.
func writeAndRead(ctx context.Context, t *testing.T, namespace string) {
	t.Helper()
	brokers, _ := embeddedtest.Kafka(t)
	topic := namespace + ".claims"
	w := &kafka.Writer{Addr: kafka.TCP(brokers...), Topic: topic, RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond}
	client := &kafka.Client{Addr: w.Addr}
	_, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: 1, ReplicationFactor: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for err = w.WriteMessages(ctx, kafka.Message{Value: []byte("a")}); err != nil; {
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		err = w.WriteMessages(ctx, kafka.Message{Value: []byte("a")}) // a real cluster elects a leader first
	}
	r := kafka.NewReader(kafka.ReaderConfig{
		Brokers: brokers, GroupID: namespace + "-ledger", Topic: topic,
		MaxWait: 100 * time.Millisecond, StartOffset: kafka.FirstOffset,
	})
	m, err := r.FetchMessage(ctx)
	if err != nil || string(m.Value) != "a" {
		t.Fatalf("fetched %q, %v", m.Value, err)
	}
	if err := errors.Join(r.CommitMessages(ctx, m), r.Close(), w.Close()); err != nil {
		t.Error(err)
	}
}

func publishAndHear(ctx context.Context, t *testing.T, namespace string) {
	t.Helper()
	client, channel := embeddedtest.Redis(t), namespace+":news"
	listening, stop := context.WithCancel(ctx)
	heard, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		_ = client.Receive(listening, client.B().Subscribe().Channel(channel).Build(), func(m rueidis.PubSubMessage) {
			select {
			case heard <- m.Message:
			default:
			}
		})
	}()
	for n := int64(0); n == 0 && ctx.Err() == nil; { // until the subscription is there
		n, _ = client.Do(ctx, client.B().Publish().Channel(channel).Message("x").Build()).AsInt64()
	}
	select {
	case got := <-heard:
		if got != "x" {
			t.Errorf("heard %q", got)
		}
	case <-ctx.Done():
		t.Error("heard nothing")
	}
	stop()
	<-ended
}
