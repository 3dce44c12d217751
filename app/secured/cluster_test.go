//go:build linux

package secured

import (
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sixNodes is a Redis Cluster of three masters with a replica each, as `redis-cli --cluster create` makes it.
type sixNodes struct {
	t     *testing.T
	cli   string
	nodes []*server
	ports []int
}

func newSixNodes(t *testing.T) *sixNodes {
	t.Helper()
	c := &sixNodes{t: t, cli: installed(t, "redis-cli")}
	create := []string{c.cli, "--cluster", "create"}
	for range 6 {
		s, port := newRedis(t, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", strconv.Itoa(freePort(t)),
			"--cluster-node-timeout", "2000", "--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0")
		s.start(t)
		c.nodes, c.ports, create = append(c.nodes, s), append(c.ports, port), append(create, local(port))
	}
	ran(t, nil, c.nodes[0].dir, append(create, "--cluster-replicas", "1", "--cluster-yes")...)
	for _, port := range c.ports {
		eventually(t, 30*time.Second, "every node knows the whole cluster", func() bool {
			said := c.ask(port, "cluster", "info")
			return strings.Contains(said, "cluster_state:ok") && strings.Contains(said, "cluster_slots_ok:16384") && strings.Contains(said, "cluster_known_nodes:6")
		})
		// A replica that has never had its master's data does not take over.
		eventually(t, 30*time.Second, "every replica has its master's data", func() bool {
			said := c.ask(port, "info", "replication")
			return strings.Contains(said, "role:master") || strings.Contains(said, "master_link_status:up")
		})
	}
	return c
}

// ask is what one node answers to a command.
func (c *sixNodes) ask(port int, words ...string) string {
	c.t.Helper()
	return ran(c.t, nil, c.nodes[0].dir, append([]string{c.cli, "-p", strconv.Itoa(port)}, words...)...)
}

func (c *sixNodes) master(i int) bool { return strings.HasPrefix(c.ask(c.ports[i], "role"), "master") }

// holder is the master that has the keys of the first sale's first generation, and their slot.
func (c *sixNodes) holder() (node int, slot string) {
	c.t.Helper()
	slot = strings.TrimSpace(c.ask(c.ports[0], "cluster", "keyslot", "{1:1}"))
	for i := range c.ports {
		if c.master(i) && c.keysIn(i, slot) == "2" {
			return i, slot
		}
	}
	c.t.Fatalf("no master has the sale's two keys in slot %s", slot)
	return 0, ""
}

// The product sells on a Redis Cluster, also when the node that holds the sale's places is killed in the middle and its replica
// takes over.
func TestRedisClusterOfSix(t *testing.T) {
	wanted(t)
	c := newSixNodes(t)
	env := []string{setting("DATABASE_URL", plainPostgres(t)), setting("KAFKA_BROKERS", plainKafka(t)), setting("REDIS_URL", "redis://"+local(c.ports[0])+","+local(c.ports[1])+","+local(c.ports[5]))}
	first, second := serve(t, env...), serve(t, env...)
	d := begin(t, 240, first.url, second.url)
	d.press(40)
	d.bought(60, 60*time.Second)
	holder, _ := c.holder()
	killed, before := time.Now(), d.sold()
	c.nodes[holder].stop(syscall.SIGKILL)
	d.end()
	d.figures("node of a Redis Cluster of six killed, its replica takes over", killed, before)
	verified(t, env)
}
