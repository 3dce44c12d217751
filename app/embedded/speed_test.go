package embedded

import (
	"context"
	"crypto/tls"
	"net"
	"testing"

	"github.com/redis/rueidis"
	kafkago "github.com/segmentio/kafka-go"
)

func BenchmarkProduce(b *testing.B) {
	s, err := Start(b.Context(), Options{Dir: b.TempDir(), Kafka: true})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close(b.Context()) }()
	transport := &kafkago.Transport{Dial: s.Settings().KafkaDial}
	defer transport.CloseIdleConnections()
	c := &kafkago.Client{Addr: kafkago.TCP(s.Settings().KafkaBrokers...), Transport: transport}
	if err := produce(b.Context(), c, "first"); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r, err := c.Produce(b.Context(), &kafkago.ProduceRequest{Topic: testTopic, RequiredAcks: kafkago.RequireAll,
			Records: kafkago.NewRecordReader(kafkago.Record{Value: kafkago.NewBytes(make([]byte, 300))})})
		if err != nil || r.Error != nil {
			b.Fatal(err, r)
		}
	}
}

func BenchmarkScript(b *testing.B) {
	s, err := Start(b.Context(), Options{Dir: b.TempDir(), Redis: true})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close(b.Context()) }()
	option, err := rueidis.ParseURL(s.Settings().RedisURL)
	if err != nil {
		b.Fatal(err)
	}
	option.ForceSingleClient = true
	option.DialCtxFn = func(ctx context.Context, _ string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) {
		return s.Settings().RedisDial(ctx, "", "")
	}
	client, err := rueidis.NewClient(option)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	script := rueidis.NewLuaScript(`return redis.call("HLEN", KEYS[1])`)
	for b.Loop() {
		if err := script.Exec(b.Context(), client, []string{"k"}, nil).Error(); err != nil {
			b.Fatal(err)
		}
	}
}
