package app

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2/server"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/twmb/franz-go/pkg/kfake"

	"flashsale/app/embedded"
	"flashsale/app/embedded/embeddedtest"
	"flashsale/app/instance"
	"flashsale/app/instance/instancetest"
)

// A server that answers and cannot be used is not "away": the sentence says what it refuses, and a start does not wait for it. The
// doctor says the same of it.
func TestAServerThatRefusesIsNotCalledAway(t *testing.T) {
	t.Parallel()
	if embeddedtest.RealRedis() {
		t.Skip("it needs servers whose passwords are known to be wanted")
	}
	d := instancetest.Empty(t)
	there := []string{"DATABASE_URL=" + d.Servers.DatabaseURL, "REDIS_URL=" + d.Servers.RedisURL, "KAFKA_BROKERS=" + strings.Join(d.Servers.KafkaBrokers, ","), "NAMESPACE=" + d.Config.Namespace,
		"HOST=127.0.0.1", "OPS_ADDR=127.0.0.1:0"}
	closed := kafkaWithPasswords(t)
	for name, one := range map[string]struct {
		settings string
		says     string
	}{
		"wrong password of Postgres": {"DATABASE_URL=" + changed(t, d.Servers.DatabaseURL, func(u *url.URL) { u.User = url.UserPassword("flashsale", secret) }), "PostgreSQL at PLACE answers, but refuses this user with this password; correct DATABASE_URL (or DB_*)"},
		"unknown user of Postgres":   {"DATABASE_URL=" + changed(t, d.Servers.DatabaseURL, func(u *url.URL) { u.User = url.UserPassword("nobody", secret) }), "PostgreSQL at PLACE answers, but refuses this user with this password"},
		"unknown database":           {"DATABASE_URL=" + changed(t, d.Servers.DatabaseURL, func(u *url.URL) { u.Path = "/nowhere" }), "PostgreSQL at PLACE answers, but has no database of that name"},
		"Postgres without TLS":       {"DATABASE_URL=postgres://u:" + secret + "@" + oldPostgres(t, "17.2") + "/x?sslmode=require", "PostgreSQL at PLACE answers, but speaks no TLS, which the address asks for"},
		"unknown parameter":          {"DATABASE_URL=" + changed(t, d.Servers.DatabaseURL, func(u *url.URL) { u.RawQuery += "&applicationname=x" }), "PostgreSQL at PLACE answers, but does not know a parameter of the address"},
		"old Postgres":               {"DATABASE_URL=postgres://u:" + secret + "@" + oldPostgres(t, "14.9 (Debian 14.9-1)") + "/x?sslmode=disable", "PostgreSQL at PLACE answers, but is version 14.9 (Debian 14.9-1); 15 or newer is needed"},
		"wrong password of Redis":    {"REDIS_URL=" + changed(t, d.Servers.RedisURL, func(u *url.URL) { u.User = url.UserPassword("", secret) }), "Redis at PLACE answers, but refuses this user with this password; correct REDIS_URL"},
		"no password for Redis":      {"REDIS_URL=" + changed(t, d.Servers.RedisURL, func(u *url.URL) { u.User = nil }), "Redis at PLACE answers, but demands a password"},
		"old Redis":                  {"REDIS_URL=redis://" + redisOfVersion(t, "redis_version:6.2.14"), "Redis at PLACE answers, but is version 6.2.14; 7 or newer is needed"},
		"old Valkey":                 {"REDIS_URL=redis://" + redisOfVersion(t, "redis_version:7.2.4", "valkey_version:7.2.9"), "Redis at PLACE answers, but is version 7.2.9; 8 or newer is needed"},
		"wrong password of Kafka":    {"KAFKA_SASL=plain:shop:" + secret + " KAFKA_BROKERS=" + closed, "Kafka at " + closed + " answers, but refuses this user with this password; correct KAFKA_BROKERS, KAFKA_SASL or KAFKA_TLS"},
		"wrong mechanism of Kafka":   {"KAFKA_SASL=scram-sha-512:shop:" + secret + " KAFKA_BROKERS=" + closed, "Kafka at " + closed + " answers, but "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := append(append([]string(nil), there...), append(strings.Fields(one.settings), "PORT="+unusedPort(t))...)
			_, address, _ := strings.Cut(strings.Fields(one.settings)[0], "=")
			place := instance.BareURL(address)
			says := strings.Replace(one.says, "PLACE", place, 1)
			code, printed := program(t, t.TempDir(), settings, "serve")
			if code != 1 || !strings.HasPrefix(lastLine(printed), "flashsale: "+says) || strings.Contains(printed, secret) {
				t.Errorf("serve: exit %d, want %q:\n%s", code, says, printed)
			}
			_, why, _ := strings.Cut(says, " answers, but ")
			why, _, _ = strings.Cut(why, "; correct")
			code, printed = program(t, t.TempDir(), settings, "doctor")
			if code != 1 || !strings.Contains(printed, ") answers, but "+why) || strings.Contains(printed, secret) {
				t.Errorf("doctor: exit %d, want %q:\n%s", code, why, printed)
			}
		})
	}
}

func lastLine(printed string) string {
	lines := strings.Split(strings.TrimSpace(printed), "\n")
	return lines[len(lines)-1]
}

func changed(t *testing.T, address string, change func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	return u.String()
}

// Something that takes connections and says nothing is no server that refuses: a start waits for it, and the doctor comes to an end,
// also where it has sent credentials.
func TestAServerThatSaysNothing(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	at := l.Addr().String()
	settings := []string{"DATABASE_URL=postgres://u:" + secret + "@" + at + "/x", "REDIS_URL=redis://:" + secret + "@" + at, "KAFKA_BROKERS=" + at, "KAFKA_SASL=plain:u:" + secret}
	code, printed := program(t, t.TempDir(), settings, "doctor")
	if code != 1 || strings.Count(printed, "): no answer in time") != 3 || strings.Contains(printed, secret) {
		t.Errorf("exit %d\n%s", code, printed)
	}
}

// A Valkey tells a Redis version too, which is the one that it once was.
func TestNewEnoughServersAreTaken(t *testing.T) {
	t.Parallel()
	for _, lines := range [][]string{{"redis_version:7.0.15"}, {"redis_version:8.2.2"}, {"redis_version:7.2.4", "valkey_version:8.0.1"}, nil} {
		client, err := instance.DialRedis(embedded.Settings{RedisURL: "redis://" + redisOfVersion(t, lines...), RedisEmbedded: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := instance.RedisVersion(t.Context(), client); err != nil {
			t.Errorf("%v: %v", lines, err)
		}
		client.Close()
	}
}

// kafkaWithPasswords is a broker that lets in one user only.
func kafkaWithPasswords(t *testing.T) string {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "shop", "right"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

// redisOfVersion answers what a client asks first, and tells these lines of INFO.
func redisOfVersion(t *testing.T, info ...string) string {
	t.Helper()
	s, err := server.NewServer("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	ok := func(c *server.Peer, _ string, _ []string) { c.WriteOK() }
	for name, answer := range map[string]server.Cmd{
		"CLIENT": ok, "READONLY": ok, "AUTH": ok, "SELECT": ok,
		"PING": func(c *server.Peer, _ string, _ []string) { c.WriteInline("PONG") },
		"INFO": func(c *server.Peer, _ string, _ []string) {
			c.WriteBulk("# Server\r\n" + strings.Join(info, "\r\n") + "\r\n")
		},
		"HELLO": func(c *server.Peer, _ string, _ []string) {
			c.WriteMapLen(2)
			for _, word := range []string{"server", "redis", "version", "7.0.0"} {
				c.WriteBulk(word)
			}
		},
	} {
		if err := s.Register(name, answer); err != nil {
			t.Fatal(err)
		}
	}
	return s.Addr().String()
}

// oldPostgres is a server that lets everybody in, tells that version, and answers every simple query with nothing.
func oldPostgres(t *testing.T, version string) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	t.Cleanup(func() { cancel(); _ = l.Close(); serving.Wait() })
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(ctx, func() { _ = conn.Close() })
			serving.Go(func() { _ = answerAsPostgres(conn, version) })
		}
	})
	return l.Addr().String()
}

func answerAsPostgres(conn net.Conn, version string) error {
	defer func() { _ = conn.Close() }()
	backend := pgproto3.NewBackend(conn, conn)
	first, err := backend.ReceiveStartupMessage()
	if _, asksForTLS := first.(*pgproto3.SSLRequest); err == nil && asksForTLS {
		if _, err = conn.Write([]byte("N")); err == nil {
			_, err = backend.ReceiveStartupMessage()
		}
	}
	if err != nil {
		return err
	}
	backend.Send(&pgproto3.AuthenticationOk{})
	backend.Send(&pgproto3.ParameterStatus{Name: "server_version", Value: version})
	backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	for {
		if err := backend.Flush(); err != nil {
			return err
		}
		message, err := backend.Receive()
		if err != nil {
			return err
		}
		if _, ok := message.(*pgproto3.Query); !ok {
			return errors.New("no simple query")
		}
		backend.Send(&pgproto3.EmptyQueryResponse{})
		backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	}
}
