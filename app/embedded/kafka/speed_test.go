package kafka

import (
	"context"
	"fmt"
	"sync"
	"testing"

	kafkago "github.com/segmentio/kafka-go"
)

// BenchmarkAppend is a claim that is appended and acknowledged, alone and beside producers of another topic that never pause.
func BenchmarkAppend(b *testing.B) {
	for _, producers := range []int{0, 1, 16} {
		b.Run(fmt.Sprintf("producers=%d", producers), func(b *testing.B) {
			broker := start(b, b.TempDir())
			c := client(b, broker)
			const other = "shop.events"
			made, err := c.CreateTopics(within(b), &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{{Topic: other, NumPartitions: 8, ReplicationFactor: 1}}})
			if err != nil || made.Errors[other] != nil {
				b.Fatal(err, made)
			}
			ctx, stop := context.WithCancel(b.Context())
			var busy sync.WaitGroup
			for n := range producers {
				publisher := another(b, broker)
				busy.Go(func() {
					for ctx.Err() == nil {
						r, err := publisher.Produce(within(b), &kafkago.ProduceRequest{Topic: other, Partition: n % 8, RequiredAcks: kafkago.RequireAll,
							Records: kafkago.NewRecordReader(kafkago.Record{Value: kafkago.NewBytes(make([]byte, 4000))})})
						if err != nil || r.Error != nil {
							b.Errorf("beside: %v, %+v", err, r)
							return
						}
					}
				})
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := produce(b, c, 0, "a claim of two hundred bytes or so"); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			stop()
			busy.Wait()
		})
	}
}
