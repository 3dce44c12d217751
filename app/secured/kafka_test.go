//go:build linux

package secured

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl/scram"
	"github.com/twmb/franz-go/pkg/kfake"
)

// plainKafka is a broker of the test's own, without any security.
func plainKafka(t *testing.T) string {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

// kafkaJars is the classpath of Apache Kafka.
func kafkaJars(t *testing.T) string {
	t.Helper()
	libs := os.Getenv("KAFKA_LIBS")
	if libs == "" {
		missing(t, errors.New("KAFKA_LIBS names the directory of its jars"), "Apache Kafka")
	}
	return filepath.Join(libs, "*")
}

// broker formats the files of a broker with these properties; scramUsers are made with passwords of the same names.
func broker(t *testing.T, properties []string, scramUsers ...string) *server {
	t.Helper()
	java, jars := installed(t, "java"), kafkaJars(t)
	s := &server{name: "Apache Kafka", dir: folder(t, "kafka")}
	s.ready = func(context.Context) error {
		if !strings.Contains(s.log.String(), "Kafka Server started") {
			return errors.New("it does not say that it has started")
		}
		return nil
	}
	file := filepath.Join(s.dir, "server.properties")
	written(t, file, []byte(strings.Join(append(properties, "log.dirs="+filepath.Join(s.dir, "log")), "\n")+"\n"), 0o600)
	format := []string{java, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", jars, "kafka.tools.StorageTool", "format", "-t", "AAAAAAAAQACAAAAAAAAAAA", "-c", file}
	for _, name := range scramUsers {
		format = append(format, "--add-scram", fmt.Sprintf("SCRAM-SHA-512=[name=%s,password=%s]", name, name))
	}
	ran(t, nil, s.dir, format...)
	s.args = []string{java, "-Xmx384m", "-XX:TieredStopAtLevel=1", "-cp", jars, "kafka.Kafka", file}
	return s
}

// securedKafka is a broker that lets in users over TLS, by SCRAM, to what their ACLs allow.
func securedKafka(t *testing.T, ca *authority, id identity, port int, names ...string) *server {
	t.Helper()
	controller := freePort(t)
	return broker(t, []string{
		"process.roles=broker,controller", "node.id=1", "controller.quorum.voters=1@" + local(controller),
		fmt.Sprintf("listeners=SASL_SSL://%s,CONTROLLER://%s", local(port), local(controller)), "advertised.listeners=SASL_SSL://" + local(port),
		"listener.security.protocol.map=CONTROLLER:SSL,SASL_SSL:SASL_SSL", "controller.listener.names=CONTROLLER", "inter.broker.listener.name=SASL_SSL",
		"listener.name.controller.ssl.client.auth=required", "sasl.enabled.mechanisms=SCRAM-SHA-512", "sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512",
		`listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="admin" password="admin";`,
		"ssl.keystore.type=PEM", "ssl.keystore.location=" + id.both, "ssl.truststore.type=PEM", "ssl.truststore.location=" + ca.file,
		"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users=User:admin;User:CN=127.0.0.1",
		"num.partitions=1", "offsets.topic.replication.factor=1", "offsets.topic.num.partitions=4", "transaction.state.log.replication.factor=1",
		"transaction.state.log.min.isr=1", "group.initial.rebalance.delay.ms=0",
	}, append([]string{"admin"}, names...)...)
}

// as is a client that signs in as a user, whose password is the name.
func as(t *testing.T, ca *authority, name string, port int) *kafka.Client {
	t.Helper()
	mechanism, err := scram.Mechanism(scram.SHA512, name, name)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.certificate)
	transport := &kafka.Transport{TLS: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, SASL: mechanism}
	t.Cleanup(transport.CloseIdleConnections)
	return &kafka.Client{Addr: kafka.TCP(local(port)), Transport: transport, Timeout: 50 * time.Second}
}

// kafkaACLs are the lines of README.md, for a product that signs in under that name and an outsider called warehouse.
func kafkaACLs(t *testing.T, name string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "--add --allow-principal ") {
			line, _, _ = strings.Cut(line, "#")
			lines = append(lines, strings.ReplaceAll(strings.TrimSpace(line), "User:shop", "User:"+name))
		}
	}
	if len(lines) != 3 {
		t.Fatalf("README.md has %d lines for ACLs", len(lines))
	}
	return lines
}

// allow gives the rights of such lines, which are written for Kafka's own tool.
func allow(t *testing.T, admin *kafka.Client, lines ...string) {
	t.Helper()
	operations := map[string]kafka.ACLOperationType{"Read": kafka.ACLOperationTypeRead, "Write": kafka.ACLOperationTypeWrite, "Create": kafka.ACLOperationTypeCreate,
		"Delete": kafka.ACLOperationTypeDelete, "Describe": kafka.ACLOperationTypeDescribe}
	var entries []kafka.ACLEntry
	for _, line := range lines {
		one := kafka.ACLEntry{Host: "*", PermissionType: kafka.ACLPermissionTypeAllow, ResourcePatternType: kafka.PatternTypeLiteral}
		var allowed []string
		words := strings.Fields(line)[1:] // without --add
		for i := 0; i+1 < len(words); i += 2 {
			switch words[i] {
			case "--allow-principal":
				one.Principal = words[i+1]
			case "--operation":
				allowed = append(allowed, words[i+1])
			case "--resource-pattern-type":
				one.ResourcePatternType = kafka.PatternTypePrefixed
			case "--topic":
				one.ResourceType, one.ResourceName = kafka.ResourceTypeTopic, words[i+1]
			case "--group":
				one.ResourceType, one.ResourceName = kafka.ResourceTypeGroup, words[i+1]
			default:
				t.Fatalf("%s is not understood in %s", words[i], line)
			}
		}
		for _, name := range allowed {
			one.Operation = operations[name]
			entries = append(entries, one)
		}
	}
	made, err := admin.CreateACLs(t.Context(), &kafka.CreateACLsRequest{ACLs: entries})
	if err == nil {
		err = errors.Join(made.Errors...)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The product sells on an Apache Kafka with SCRAM over TLS and the ACLs of README.md, under which nobody else can write claims. What
// is wrong is told in one sentence.
func TestKafkaWithSCRAMOverTLSAndACLs(t *testing.T) {
	wanted(t)
	ca := newAuthority(t, "shop's authority")
	port := freePort(t)
	s := securedKafka(t, ca, ca.issue(t, "127.0.0.1", valid()), port, "shop", "warehouse", "nobody", "groupless", "mute")
	s.start(t)
	admin := as(t, ca, "admin", port)
	mute := kafkaACLs(t, "mute")
	allow(t, admin, append(kafkaACLs(t, "shop"), kafkaACLs(t, "groupless")[0], strings.Replace(mute[0], " --operation Write", "", 1), mute[1])...)
	database, redis := plainPostgres(t), plainRedis(t)
	with := func(credentials string, root *authority, more ...string) []string {
		return append([]string{setting("DATABASE_URL", database), setting("REDIS_URL", redis), setting("KAFKA_BROKERS", local(port)), "KAFKA_TLS=true",
			"KAFKA_SASL=scram-sha-512:" + credentials, setting("SSL_CERT_FILE", root.file)}, more...)
	}
	t.Run("sells", func(t *testing.T) {
		env := with("shop:shop", ca, "DIRECT_PATH=false") // else few claims are decided while the log takes them
		i := serve(t, env...)
		// Until the first join of a group on a new broker, nobody reads claims.
		eventually(t, 90*time.Second, "the product has joined its group", func() bool {
			said, err := admin.DescribeGroups(t.Context(), &kafka.DescribeGroupsRequest{GroupIDs: []string{"flashsale-ledger"}})
			return err == nil && len(said.Groups) == 1 && said.Groups[0].GroupState == "Stable"
		})
		d := begin(t, 40, i.url)
		d.press(40)
		d.end()
		verified(t, env)
		if by := i.metric(t, `flashsale_verdicts_total{outcome="ordered",source="log"}`); by != 40 {
			t.Errorf("%v of 40 orders came by the log", by)
		}
		i.stop(t)
	})
	t.Run("nobody else writes claims", func(t *testing.T) {
		warehouse := as(t, ca, "warehouse", port)
		for _, topic := range []string{"flashsale.claims", "flashsale.events"} {
			res, err := warehouse.Produce(t.Context(), &kafka.ProduceRequest{Topic: topic, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes([]byte("x"))})})
			if err == nil {
				err = res.Error
			}
			if err == nil {
				t.Errorf("the warehouse writes to %s", topic)
			}
		}
		events, err := warehouse.Fetch(t.Context(), &kafka.FetchRequest{Topic: "flashsale.events", Partition: 1, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Second})
		if err = errors.Join(err, errorOf(events)); err != nil {
			t.Errorf("the warehouse cannot follow the events: %v", err)
		}
		claims, err := warehouse.Fetch(t.Context(), &kafka.FetchRequest{Topic: "flashsale.claims", Partition: 1, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Second})
		if err = errors.Join(err, errorOf(claims)); err == nil {
			t.Error("the warehouse reads claims, in which names stand")
		}
	})
	localhost := strings.Replace(local(port), "127.0.0.1", "localhost", 1)
	refusedAll(t,
		refusal{"wrong password", with("shop:"+secret, ca), "refuses this user with this password; correct KAFKA_BROKERS, KAFKA_SASL or KAFKA_TLS", "refuses this user with this password"},
		refusal{"no rights", with("nobody:nobody", ca), "answers, but does not allow this user to ", ""},
		refusal{"no right to the group", with("groupless:groupless", ca), "does not allow this user to read as the group flashsale-ledger", ""},
		refusal{"no right to write", with("mute:mute", ca), "does not allow this user to write to flashsale.claims", ""},
		refusal{"another authority", with("shop:shop", newAuthority(t, "another authority")), "its certificate is of an authority that is not trusted here", ""},
		refusal{"no TLS", slices.Replace(with("shop:shop", ca), 3, 4, "KAFKA_TLS=false"), "it closes the connection; is it that kind of server, with TLS and credentials as it wants them?", ""},
		refusal{"another name", slices.Replace(with("shop:shop", ca), 2, 3, setting("KAFKA_BROKERS", localhost)), "its certificate is for another name", ""},
	)
}

func errorOf(r *kafka.FetchResponse) error {
	if r == nil {
		return nil
	}
	return r.Error
}
