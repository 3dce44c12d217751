//go:build linux

package secured

import (
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Redis Cluster of six, as `redis-cli --cluster create` makes it: the product sells on it, also when the node that holds the sale's
// places is killed in the middle and its replica takes over.
func TestRedisClusterOfSix(t *testing.T) {
	wanted(t)
	cli := installed(t, "redis-cli")
	var nodes []*server
	var ports []int
	create := []string{cli, "--cluster", "create"}
	for range 6 {
		s, port := newRedis(t, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", strconv.Itoa(freePort(t)),
			"--cluster-node-timeout", "2000", "--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0")
		s.start(t)
		nodes, ports, create = append(nodes, s), append(ports, port), append(create, local(port))
	}
	ran(t, nil, nodes[0].dir, append(create, "--cluster-replicas", "1", "--cluster-yes")...)
	ask := func(port int, words ...string) string {
		return ran(t, nil, nodes[0].dir, append([]string{cli, "-p", strconv.Itoa(port)}, words...)...)
	}
	for _, port := range ports {
		eventually(t, 30*time.Second, "every node knows the whole cluster", func() bool {
			said := ask(port, "cluster", "info")
			return strings.Contains(said, "cluster_state:ok") && strings.Contains(said, "cluster_slots_ok:16384") && strings.Contains(said, "cluster_known_nodes:6")
		})
		// A replica that has never had its master's data does not take over.
		eventually(t, 30*time.Second, "every replica has its master's data", func() bool {
			said := ask(port, "info", "replication")
			return strings.Contains(said, "role:master") || strings.Contains(said, "master_link_status:up")
		})
	}
	env := []string{setting("DATABASE_URL", plainPostgres(t)), setting("KAFKA_BROKERS", plainKafka(t)), setting("REDIS_URL", "redis://"+local(ports[0])+","+local(ports[1])+","+local(ports[5]))}
	first, second := serve(t, env...), serve(t, env...)
	d := begin(t, 240, first.url, second.url)
	d.press(40)
	d.bought(60, 60*time.Second)
	slot, holder := strings.TrimSpace(ask(ports[0], "cluster", "keyslot", "{1:1}")), -1
	for i, port := range ports {
		if strings.HasPrefix(ask(port, "role"), "master") && strings.Contains(ask(port, "cluster", "countkeysinslot", slot), "2") {
			holder = i
		}
	}
	if holder < 0 {
		t.Fatalf("no master has the sale's two keys in slot %s", slot)
	}
	killed, before := time.Now(), d.sold()
	nodes[holder].stop(syscall.SIGKILL)
	d.end()
	d.figures("node of a Redis Cluster of six killed, its replica takes over", killed, before)
	verified(t, env)
}
