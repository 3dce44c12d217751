package embedded

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"

	"flashsale/app/embedded/datadir"
)

// kafka is kfake on disk: one broker that syncs every batch before it acknowledges it, so that records and
// the groups' offsets survive SIGKILL.
type kafka struct {
	cluster *kfake.Cluster
	addrs   []string
	id      string
	dir     string

	closing sync.Once
	closed  chan struct{}
}

func startKafka(dir string, logger *slog.Logger) (*kafka, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the log's directory: %w", err)
	}
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.ClusterID(datadir.LogPrefix+rand.Text()), // of a new log; a log that is there keeps its own
		kfake.DataDir(dir),
		kfake.SyncWrites(),
		kfake.WithLogger(kfakeLogger{logger}),
	)
	if err != nil {
		return nil, fmt.Errorf("start the embedded Kafka from %s (its files were left as they are: "+
			"restore the directory, or move it away to start with an empty log; no order is lost by that): %w", dir, err)
	}
	id, err := logID(dir)
	if err != nil {
		cluster.Close()
		return nil, err
	}
	return &kafka{cluster: cluster, addrs: cluster.ListenAddrs(), id: id, dir: dir, closed: make(chan struct{})}, nil
}

// logID reads the log's identity where kfake keeps it: made with the log, and lost only with it.
func logID(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, "meta.json"))
	if err != nil {
		return "", fmt.Errorf("read the log's identity: %w", err)
	}
	var meta struct {
		ClusterID string `json:"cluster_id"`
	}
	if err := json.Unmarshal(b, &meta); err != nil {
		return "", fmt.Errorf("read the log's identity: %w", err)
	}
	return meta.ClusterID, nil
}

func (k *kafka) brokers() []string { return k.addrs }

func (k *kafka) service() Service {
	return Service{Name: "Kafka", Version: "kfake", Address: strings.Join(k.addrs, ","), Dir: k.dir}
}

// close writes the last state. kfake's own Close knows no deadline; nothing is lost without it, since
// every batch is on disk already.
func (k *kafka) close(ctx context.Context) error {
	k.closing.Do(func() {
		go func() {
			defer close(k.closed)
			k.cluster.Close()
		}()
	})
	select {
	case <-k.closed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close the embedded Kafka: %w", ctx.Err())
	}
}

// kfakeLogger passes on what goes wrong inside kfake.
type kfakeLogger struct{ logger *slog.Logger }

func (l kfakeLogger) Logf(level kfake.LogLevel, msg string, args ...any) {
	if level == kfake.LogLevelError || level == kfake.LogLevelWarn {
		l.logger.Warn("embedded Kafka", "level", level.String(), "message", fmt.Sprintf(msg, args...))
	}
}
