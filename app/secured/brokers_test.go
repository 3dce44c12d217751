//go:build linux

package secured

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// Three Kafka brokers are restarted one after the other in the middle of a sale, each in order, and the next only when the one before
// has caught up: exactly the stock is sold, and no receipt is lost.
func TestThreeBrokersRestartedInTheMiddleOfASale(t *testing.T) {
	wanted(t)
	var ports, controllers []int
	var quorum, hosts []string
	for i := range 3 {
		ports, controllers = append(ports, freePort(t)), append(controllers, freePort(t))
		quorum, hosts = append(quorum, fmt.Sprintf("%d@%s", i+1, local(controllers[i]))), append(hosts, local(ports[i]))
	}
	transport := &kafka.Transport{MetadataTTL: 200 * time.Millisecond}
	t.Cleanup(transport.CloseIdleConnections)
	client := &kafka.Client{Addr: kafka.TCP(hosts...), Transport: transport, Timeout: 10 * time.Second}
	var all []*server
	for i := range 3 {
		all = append(all, broker(t, []string{
			"process.roles=broker,controller", fmt.Sprintf("node.id=%d", i+1), "controller.quorum.voters=" + strings.Join(quorum, ","),
			fmt.Sprintf("listeners=CLIENTS://%s,CONTROLLER://%s", local(ports[i]), local(controllers[i])), "advertised.listeners=CLIENTS://" + local(ports[i]),
			"listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT", "controller.listener.names=CONTROLLER", "inter.broker.listener.name=CLIENTS",
			"default.replication.factor=3", "min.insync.replicas=2", "offsets.topic.replication.factor=3", "offsets.topic.num.partitions=4",
			"transaction.state.log.replication.factor=3", "transaction.state.log.min.isr=2", "group.initial.rebalance.delay.ms=0",
		}))
	}
	for _, one := range all {
		one.launch(t) // one alone has no quorum
	}
	for _, one := range all {
		one.await(t)
	}
	// whole is true when every partition of the claims log has three replicas that are in sync.
	whole := func() bool {
		said, err := client.Metadata(t.Context(), &kafka.MetadataRequest{Topics: []string{"flashsale.claims"}})
		if err != nil || len(said.Topics) != 1 || len(said.Topics[0].Partitions) == 0 {
			return false
		}
		for _, p := range said.Topics[0].Partitions {
			if len(p.Isr) != 3 {
				return false
			}
		}
		return true
	}
	env := []string{setting("DATABASE_URL", plainPostgres(t)), setting("REDIS_URL", plainRedis(t)), setting("KAFKA_BROKERS", strings.Join(hosts, ","))}
	i := serve(t, env...)
	eventually(t, time.Minute, "three replicas are in sync", whole)
	d := begin(t, 400, i.url)
	d.press(15)
	d.bought(30, 60*time.Second)
	began, before := time.Now(), d.sold()
	for _, one := range all {
		one.stop(syscall.SIGTERM)
		one.start(t)
		eventually(t, 90*time.Second, "the broker has caught up", whole)
	}
	t.Logf("the last broker was back after %s, with %d units sold", milliseconds(time.Since(began)), d.sold())
	d.end()
	d.figures("three Kafka brokers restarted one after the other", began, before)
	verified(t, env)
}
