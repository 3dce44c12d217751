//go:build unix

package resilience

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// brokers is a cluster of three Apache Kafka brokers: three replicas of each partition, two of them in sync for an
// acknowledgement.
type brokers struct {
	servers []*server
	hosts   []string
}

func newBrokers(t *testing.T) *brokers {
	t.Helper()
	b := &brokers{}
	ports := make([]int, 6)
	for i := range ports {
		ports[i] = freePort(t)
	}
	var quorum []string
	for i := range 3 {
		b.hosts = append(b.hosts, loopback(ports[i]))
		quorum = append(quorum, fmt.Sprintf("%d@%s", i+1, loopback(ports[3+i])))
	}
	b.servers = make([]*server, 3)
	failed := make([]error, 3)
	var starting sync.WaitGroup // a broker alone has no quorum and does not get ready
	for i := range 3 {
		dir, err := shared.folder("broker")
		if err != nil {
			t.Fatal(err)
		}
		starting.Go(func() {
			if b.servers[i], failed[i] = newBroker(dir, memberProperties(dir, i+1, ports[i], ports[3+i], quorum), b.hosts[i]); failed[i] == nil {
				failed[i] = b.servers[i].start()
			}
		})
	}
	starting.Wait()
	t.Cleanup(func() {
		for _, one := range b.servers {
			if one != nil {
				_ = one.stop(syscall.SIGKILL)
			}
		}
	})
	installed(t, errors.Join(failed...))
	return b
}

func memberProperties(dir string, id, port, controller int, quorum []string) string {
	var b bytes.Buffer
	for _, line := range []string{
		"process.roles=broker,controller", fmt.Sprintf("node.id=%d", id), "controller.quorum.voters=" + strings.Join(quorum, ","),
		fmt.Sprintf("listeners=CLIENTS://%s,CONTROLLER://%s", loopback(port), loopback(controller)), "advertised.listeners=CLIENTS://" + loopback(port),
		"listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"controller.listener.names=CONTROLLER", "inter.broker.listener.name=CLIENTS",
		"log.dirs=" + filepath.Join(dir, "log"), "default.replication.factor=3", "min.insync.replicas=2",
		"offsets.topic.replication.factor=3", "offsets.topic.num.partitions=4", "auto.leader.rebalance.enable=false",
		"transaction.state.log.replication.factor=3", "transaction.state.log.min.isr=2", "group.initial.rebalance.delay.ms=0",
	} {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// leadersShuffled: the leader of the sale's partition moves every second, a broker dies and comes back, and the consumer
// group is joined and left by a member that reads nothing.
func leadersShuffled(t *testing.T, r *report) {
	b := newBrokers(t)
	s := plain(t)
	s.kafka, s.log = strings.Join(b.hosts, ","), b.hosts[0]
	w := newWorld(t, r, s, stock, shopperCount)
	var moves, rebalances int64
	healed := w.during(rate, func() func() {
		return func() {}
	}, func(time.Time) int64 {
		ctx, cancel := context.WithCancel(context.Background())
		var group sync.WaitGroup
		group.Go(func() { rebalances = w.rebalance(ctx, b) })
		moves = b.shuffle(w, lasting(20*time.Second, 8*time.Second))
		cancel()
		group.Wait()
		return min(moves, rebalances)
	})
	r.note("%d changes of leader, %d rebalances, slowest answer %v", moves, rebalances, w.shoppers.slowestSoFar().Round(time.Millisecond))
	r.within(t, "verdicts of 202s", w.settled(healed, 60*time.Second), 5*time.Second)
	w.kept()
	w.assertOutcomes()
}

// shuffle changes the leader again and again for that long, kills one broker in the middle of it, and counts the changes that
// happened.
func (b *brokers) shuffle(w *world, long time.Duration) (moves int64) {
	w.t.Helper()
	// The client must not keep metadata for long, because cached metadata hides most changes.
	transport := &kafka.Transport{MetadataTTL: 100 * time.Millisecond}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(b.hosts...), Transport: transport, Timeout: 5 * time.Second}
	topic, partition := w.namespace+".claims", int(w.number("SELECT partition FROM sales ORDER BY id LIMIT 1"))
	killed := -1
	began := time.Now()
	leader := w.leader(client, topic, partition)
	for turn := 0; time.Since(began) < long; turn++ {
		switch {
		case killed < 0 && time.Since(began) > long/3:
			killed = 1 + turn%2 // not the one that the tests ask
			_ = b.servers[killed].stop(syscall.SIGKILL)
		case killed >= 0 && time.Since(began) > 2*long/3 && b.servers[killed].gone():
			if err := b.servers[killed].start(); err != nil {
				w.t.Fatal(err)
			}
		case killed < 0 || !b.servers[killed].gone():
			b.prefer(client, topic, partition, turn)
		}
		time.Sleep(time.Second)
		if now := w.leader(client, topic, partition); now != leader {
			leader, moves = now, moves+1
		}
	}
	if killed < 0 || b.servers[killed].gone() {
		w.t.Fatal("the broker was not killed and started again")
	}
	return moves
}

// prefer puts another replica first and asks for it as leader. A cluster that is busy may refuse; what counts is what
// the leader is afterwards.
func (b *brokers) prefer(client *kafka.Client, topic string, partition, turn int) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	order := []int{1 + turn%3, 1 + (turn+1)%3, 1 + (turn+2)%3}
	_, _ = client.AlterPartitionReassignments(ctx, &kafka.AlterPartitionReassignmentsRequest{Topic: topic, Timeout: 2 * time.Second,
		Assignments: []kafka.AlterPartitionReassignmentsRequestAssignment{{Topic: topic, PartitionID: partition, BrokerIDs: order}}})
	_, _ = client.ElectLeaders(ctx, &kafka.ElectLeadersRequest{Topic: topic, Partitions: []int{partition}, Timeout: 2 * time.Second})
}

// leader is the broker that leads the partition, or the one that did when nobody says.
func (w *world) leader(client *kafka.Client, topic string, partition int) int {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	meta, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil || len(meta.Topics) != 1 {
		return 0
	}
	for _, p := range meta.Topics[0].Partitions {
		if p.ID == partition {
			return p.Leader.ID
		}
	}
	return 0
}

// rebalance joins the product's group and leaves it until ctx ends, about once a second, and counts how often it was given
// partitions, that is how often they were taken from the product.
func (w *world) rebalance(ctx context.Context, b *brokers) (times int64) {
	for ctx.Err() == nil {
		group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{ID: w.namespace + "-ledger", Brokers: b.hosts, Topics: []string{w.namespace + ".claims"},
			HeartbeatInterval: 200 * time.Millisecond, SessionTimeout: 6 * time.Second, RebalanceTimeout: 6 * time.Second, JoinGroupBackoff: 200 * time.Millisecond})
		if err != nil {
			w.t.Error(err)
			return times
		}
		joining, cancel := context.WithTimeout(ctx, 10*time.Second)
		if _, err := group.Next(joining); err == nil {
			times++
		}
		cancel()
		_ = group.Close()
		select {
		case <-ctx.Done():
		case <-time.After(700 * time.Millisecond):
		}
	}
	return times
}
