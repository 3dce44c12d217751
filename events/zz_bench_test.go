package events

import (
	"context"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"flashsale/app/embedded/embeddedtest"
)

func BenchmarkProduce(b *testing.B) {
	brokers, id := embeddedtest.Kafka(b)
	l, err := Open(b.Context(), Config{Brokers: brokers, LogID: id, Namespace: embeddedtest.Namespace(b), Logger: quiet()})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for _, n := range []int{1, 256} {
		claims := newClaims(n)
		b.Run("client", func(b *testing.B) {
			for b.Loop() {
				if _, err := l.Append(b.Context(), 0, claims); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("writer", func(b *testing.B) {
			w := &kafka.Writer{Addr: kafka.TCP(brokers...), Topic: l.ClaimsTopic(), RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond, BatchSize: 1000,
				Balancer: kafka.BalancerFunc(func(kafka.Message, ...int) int { return 0 })}
			defer w.Close()
			for b.Loop() {
				ms := make([]kafka.Message, n)
				for i := range claims {
					m, _ := encodeClaim(claims[i])
					ms[i] = kafka.Message{Key: m.key, Value: m.value, Headers: m.headers}
				}
				if err := w.WriteMessages(context.Background(), ms...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
