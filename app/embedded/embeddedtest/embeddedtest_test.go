package embeddedtest_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"flashsale/app/embedded/embeddedtest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

func TestPostgresGivesAMigratedSchemaAndDropsIt(t *testing.T) {
	t.Parallel()
	var schema string
	t.Run("test", func(t *testing.T) {
		pool, name := embeddedtest.Postgres(t)
		schema = name
		var current string
		var tables int
		err := pool.QueryRow(t.Context(), `SELECT current_schema(), count(*) FROM information_schema.tables
			WHERE table_schema = current_schema()`).Scan(&current, &tables)
		if err != nil || current != schema {
			t.Fatalf("the pool works in %q (%v), want %q", current, err, schema)
		}
		if tables < 2 {
			t.Errorf("the schema holds %d tables, want the migrated ones", tables)
		}
	})
	pool, _ := embeddedtest.Postgres(t)
	var left int
	err := pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_namespace WHERE nspname = $1`, schema).Scan(&left)
	if err != nil || left != 0 {
		t.Errorf("the schema of a finished test: %d left, %v", left, err)
	}
}

func TestRedisAndItsNamespace(t *testing.T) {
	t.Parallel()
	client := embeddedtest.Redis(t)
	var key string
	t.Run("test", func(t *testing.T) {
		key = embeddedtest.Namespace(t) + ":key"
		if err := client.Do(t.Context(), client.B().Set().Key(key).Value("v").Build()).Error(); err != nil {
			t.Fatal(err)
		}
	})
	n, err := client.Do(t.Context(), client.B().Exists().Key(key).Build()).AsInt64()
	if err != nil {
		t.Fatal(err)
	}
	if embeddedtest.RealRedis() && n != 0 {
		t.Error("the test left its key on a real server")
	}
}

func TestKafkaAndItsNamespace(t *testing.T) {
	t.Parallel()
	brokers, id := embeddedtest.Kafka(t)
	transport := &kafka.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client := &kafka.Client{Addr: kafka.TCP(brokers...), Transport: transport}
	topics := func() string {
		meta, err := client.Metadata(t.Context(), &kafka.MetadataRequest{})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, topic := range meta.Topics {
			names = append(names, topic.Name)
		}
		return strings.Join(names, " ")
	}
	var topic string
	t.Run("test", func(t *testing.T) {
		topic = embeddedtest.Namespace(t) + ".claims"
		made, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{
			Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: 1, ReplicationFactor: 1}},
		})
		if err != nil || made.Errors[topic] != nil {
			t.Fatalf("create topic: %v %v", err, made)
		}
		if !strings.Contains(topics(), topic) {
			t.Errorf("no topic %s", topic)
		}
	})
	if id != "" {
		return // embedded, gone with the process
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second) // a cluster deletes when it gets round to it
	for strings.Contains(topics(), topic) {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the test left its topic on a real cluster")
		}
	}
}

func TestNamespacesDiffer(t *testing.T) {
	t.Parallel()
	if a, b := embeddedtest.Namespace(t), embeddedtest.Namespace(t); a == b {
		t.Errorf("two namespaces are %s", a)
	}
}

// leak is set for the run of TestLeaky in a process of its own.
const leak = "EMBEDDEDTEST_LEAK"

func TestLeaky(t *testing.T) {
	t.Parallel()
	if os.Getenv(leak) != "" {
		go func() { select {} }()
	}
}

// TestHowATestRunEnds starts this test binary again, because each case ends a process.
func TestHowATestRunEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, run string
		env       []string
		fails     bool
		says      string
	}{
		{name: "nothing is started for tests that ask for nothing", run: "^TestLeaky$", says: "PASS"},
		{name: "a goroutine that is left over fails the run", run: "^TestLeaky$", env: []string{leak + "=1"}, fails: true, says: "found unexpected goroutines"},
		{name: "real servers are asked for", run: "^TestRedisAndItsNamespace$", env: []string{"CI=true", "FLASHSALE_TEST_REAL=1", "REDIS_URL="}, fails: true, says: "REDIS_URL is not set"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0], "-test.run", c.run)
			cmd.Env = append(os.Environ(), c.env...)
			out, err := cmd.CombinedOutput()
			if (err != nil) != c.fails || !strings.Contains(string(out), c.says) {
				t.Errorf("the run ended with %v and says\n%s", err, out)
			}
		})
	}
}
