//go:build linux

package secured

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// redisRights are those that README.md lists for the product's user.
const redisRights = "~flashsale:* &flashsale:* +ping +hello +auth +client +info +time +eval +evalsha +script|load +exists +type +get +set +hset +hdel +hlen " +
	"+hmget +hexists +hscan +scan +expire +persist +rename +unlink +publish +subscribe +unsubscribe"

// newRedis prepares a redis-server on a free port, which keeps nothing.
func newRedis(t *testing.T, settings ...string) (*server, int) {
	t.Helper()
	port := freePort(t)
	s := &server{name: "redis-server", dir: folder(t, "redis")}
	s.args = append([]string{installed(t, "redis-server"), "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--appendonly", "no"}, settings...)
	s.ready = asking(t, port, nil)
	return s, port
}

// asking is whether a server answers redis-cli.
func asking(t *testing.T, port int, args []string) func(context.Context) error {
	cli := installed(t, "redis-cli")
	return func(ctx context.Context) error {
		return exec.CommandContext(ctx, cli, append([]string{"-p", strconv.Itoa(port)}, append(slices.Clone(args), "ping")...)...).Run()
	}
}

// overTLS are the settings of a server that speaks nothing but TLS on that port.
func overTLS(ca *authority, id identity, port int) []string {
	return []string{"--port", "0", "--tls-port", strconv.Itoa(port), "--tls-replication", "yes", "--tls-auth-clients", "no",
		"--tls-ca-cert-file", ca.file, "--tls-cert-file", id.cert, "--tls-key-file", id.key}
}

// securedRedis is a server with TLS and the users of the ACL lines, of which admin, with the password admin, may do everything.
func securedRedis(t *testing.T, ca *authority, id identity, acl []string, more ...string) (*server, int) {
	t.Helper()
	s, port := newRedis(t)
	file := filepath.Join(s.dir, "users.acl")
	written(t, file, []byte(strings.Join(append([]string{"user default off", "user admin on >admin ~* &* +@all"}, acl...), "\n")+"\n"), 0o600)
	s.args = append(append(append(s.args, overTLS(ca, id, port)...), "--aclfile", file), more...)
	s.ready = asking(t, port, adminOver(ca))
	return s, port
}

func adminOver(ca *authority) []string {
	return []string{"--tls", "--cacert", ca.file, "--user", "admin", "--pass", "admin", "--no-auth-warning"}
}

// The product sells on a redis-server with TLS and a user who has the rights of README.md and no others. What is wrong is told in one
// sentence.
func TestRedisWithTLSAndACL(t *testing.T) {
	wanted(t)
	ca := newAuthority(t, "shop's authority")
	good := ca.issue(t, "127.0.0.1", valid())
	s, port := securedRedis(t, ca, good, []string{"user shop on >shop " + redisRights, "user less on >less " + redisRights + " -evalsha", "user narrow on >narrow " + strings.ReplaceAll(redisRights, "flashsale:*", "other:*"), "user deaf on >deaf " + redisRights + " -subscribe"})
	s.start(t)
	database := plainPostgres(t)
	with := func(credentials, at string, root *authority) []string {
		return []string{setting("DATABASE_URL", database), setting("KAFKA_BROKERS", plainKafka(t)), setting("REDIS_URL", "rediss://"+credentials+"@"+at), setting("SSL_CERT_FILE", root.file)}
	}
	at := local(port)
	t.Run("sells", func(t *testing.T) { sells(t, with("shop:shop", at, ca), 40) })
	plain := with("shop:shop", at, ca)
	plain[2] = strings.Replace(plain[2], "rediss:", "redis:", 1)
	bare, without := newRedis(t)
	bare.start(t)
	expired, later := securedRedis(t, ca, ca.issue(t, "127.0.0.1", time.Now().Add(-time.Hour)), []string{"user shop on >shop " + redisRights})
	expired.ready = asking(t, later, []string{"--tls", "--insecure", "--user", "admin", "--pass", "admin", "--no-auth-warning"})
	expired.start(t)
	refusedAll(t,
		refusal{"wrong password", with("shop:"+secret, at, ca), "refuses this user with this password; correct REDIS_URL", "refuses this user with this password"},
		refusal{"no right to a command", with("less:less", at, ca), "does not allow this user the command EVALSHA on keys and channels that begin with flashsale:", ""},
		refusal{"no right to the keys", with("narrow:narrow", at, ca), "does not allow this user the command EVAL on keys and channels that begin with flashsale:", ""},
		refusal{"no right to listen", with("deaf:deaf", at, ca), "does not allow this user the command SUBSCRIBE", ""},
		refusal{"another authority", with("shop:shop", at, newAuthority(t, "another authority")), "its certificate is of an authority that is not trusted here; correct REDIS_URL", "of an authority that is not trusted here"},
		refusal{"another name", with("shop:shop", strings.Replace(at, "127.0.0.1", "localhost", 1), ca), "its certificate is for another name; correct REDIS_URL", "its certificate is for another name"},
		refusal{"no TLS", plain, "it closes the connection; is it that kind of server, with TLS and credentials as it wants them?", ""},
		refusal{"TLS to a port without", with("shop:shop", local(without), ca), "is it that kind of server, with TLS", ""},
		refusal{"expired", with("shop:shop", local(later), ca), "its certificate has expired", ""},
	)
}
