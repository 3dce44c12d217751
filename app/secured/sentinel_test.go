//go:build linux

package secured

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sentinels are three that watch a master over TLS and may replace it two against one.
func sentinels(t *testing.T, ca *authority, id identity, master int) (addresses []string) {
	t.Helper()
	var last *server
	for range 3 {
		port := freePort(t)
		s := &server{name: "sentinel", dir: folder(t, "sentinel")}
		file := filepath.Join(s.dir, "sentinel.conf")
		lines := []string{"bind 127.0.0.1", "port 0", "tls-port " + strconv.Itoa(port), "tls-replication yes", "tls-auth-clients no", "tls-ca-cert-file " + ca.file,
			"tls-cert-file " + id.cert, "tls-key-file " + id.key, "dir " + s.dir, fmt.Sprintf("sentinel monitor shop 127.0.0.1 %d 2", master),
			"sentinel auth-user shop admin", "sentinel auth-pass shop admin", "sentinel down-after-milliseconds shop 1000", "sentinel failover-timeout shop 5000"}
		written(t, file, []byte(strings.Join(lines, "\n")+"\n"), 0o600)
		s.args = []string{installed(t, "redis-server"), file, "--sentinel"}
		s.ready = asking(t, port, []string{"--tls", "--cacert", ca.file})
		s.start(t)
		addresses, last = append(addresses, local(port)), s
	}
	eventually(t, 30*time.Second, "the sentinels know each other and the replica", func() bool {
		said := last.log.String()
		return strings.Count(said, "+sentinel ") >= 2 && strings.Contains(said, "+slave ")
	})
	return addresses
}

// A Redis with a replica and three sentinels, all over TLS: the master is killed in the middle of a sale. Presses go on, exactly the
// stock is sold, and no receipt is lost.
func TestSentinelFailoverInTheMiddleOfASale(t *testing.T) {
	wanted(t)
	ca := newAuthority(t, "shop's authority")
	id := ca.issue(t, "127.0.0.1", valid())
	acl := []string{"user shop on >shop " + redisRights + " +role"}
	follows := []string{"--masteruser", "admin", "--masterauth", "admin", "--repl-diskless-sync-delay", "0"}
	master, port := securedRedis(t, ca, id, acl, follows...)
	master.start(t)
	replica, other := securedRedis(t, ca, id, acl, append(follows, "--replicaof", "127.0.0.1", strconv.Itoa(port))...)
	replica.start(t)
	ask := func(words ...string) string {
		return ran(t, nil, replica.dir, append(append([]string{installed(t, "redis-cli"), "-p", strconv.Itoa(other)}, adminOver(ca)...), words...)...)
	}
	// A replica that has never had its master's data does not take over.
	eventually(t, 30*time.Second, "the replica has its master's data", func() bool {
		return strings.Contains(ask("info", "replication"), "master_link_status:up")
	})
	env := []string{setting("DATABASE_URL", plainPostgres(t)), setting("KAFKA_BROKERS", plainKafka(t)), setting("SSL_CERT_FILE", ca.file),
		setting("REDIS_URL", "rediss-sentinel://shop:shop@"+strings.Join(sentinels(t, ca, id, port), ",")+"/shop")}
	first, second := serve(t, env...), serve(t, env...)
	d := begin(t, 300, first.url, second.url)
	d.press(40)
	d.bought(80, 30*time.Second)
	killed, before := time.Now(), d.sold()
	master.stop(syscall.SIGKILL)
	d.end()
	d.figures("Redis master killed, Sentinel puts the replica in its place", killed, before)
	eventually(t, 30*time.Second, "the replica is the master", func() bool {
		return strings.HasPrefix(ask("role"), "master")
	})
	verified(t, env)
	for _, i := range []*instance{first, second} {
		eventually(t, 20*time.Second, "both use the new master", func() bool {
			code, text := fetched(t, i.ops+"/readyz")
			return code == http.StatusOK && strings.Contains(text, `"Redis"`) && !strings.Contains(text, `"ok":false`)
		})
	}
}
