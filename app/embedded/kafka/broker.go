// Package kafka is the embedded Kafka: kfake, in this process and on disk, without a port.
//
// A panic inside kfake ends the process and cannot be recovered from outside, and kfake allocates what a length says
// before it looks at it. Therefore it is reached in two ways only: by pipes inside the process, and by a Unix socket in a
// private directory for commands beside it. Each request's frame is looked at before kfake sees it.
//
// kfake also ignores the error of a sync. Therefore it does not sync records itself: what answers a request that appended
// or read records waits until they are on disk (disk.go), and after a sync that failed nothing is answered any more.
// kfake serves all requests in one goroutine, and waits for no disk there: an append waits for the syncs of its own partition,
// not for those of the outbox. What this depends on, the names of kfake's files and what is lost without their indexes, is tested here.
package kafka

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"

	"flashsale/app/embedded/datadir"
	"flashsale/app/embedded/sockets"
)

// Address is what the broker calls itself. Nothing listens there: clients need Dial.
const Address = "kafka.embedded.invalid:9092"

// Broker is one broker whose records and groups' offsets survive SIGKILL. Its methods may be called concurrently.
type Broker struct {
	cluster *kfake.Cluster
	network *network
	socket  *sockets.Listener
	disk    *disk
	id      string
	dir     string

	closing sync.Once
	closed  chan struct{}
	err     error
}

// Start opens the log in dir, or makes one. The broker calls itself address, or Address when that is empty; tests that
// put a proxy before it name the proxy.
func Start(dir, address string, logger *slog.Logger) (*Broker, error) {
	if address == "" {
		address = Address
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("the broker's address: %w", err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("the broker's address: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the log's directory: %w", err)
	}
	b := &Broker{disk: newDisk(dir, logger), dir: dir, closed: make(chan struct{})}
	b.network = newNetwork(address, b.disk)
	b.cluster, err = kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.Ports(number),
		kfake.ListenFn(b.network.listen),
		kfake.ClusterID(datadir.LogPrefix+rand.Text()), // of a new log; a log that is there keeps its own
		kfake.MaxVersions(versions()),
		kfake.DataDir(dir),
		kfake.WithLogger(&complaints{to: logger}),
	)
	if err != nil {
		return nil, fmt.Errorf("start the embedded Kafka from %s (its files were left as they are: "+
			"restore the directory, or move it away to start with an empty log; no order is lost by that): %w", dir, err)
	}
	if b.id, err = logID(dir); err != nil {
		b.cluster.Close()
		return nil, err
	}
	return b, nil
}

// versions are those that kfake serves, except that records go with the name of their topic, which later versions replace
// by a number.
func versions() *kversion.Versions {
	v := kversion.Stable()
	v.SetMaxKeyVersion(keyProduce, lastNamed)
	v.SetMaxKeyVersion(keyFetch, lastNamed)
	return v
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

// ID is the identity of the log: random, made with its directory, and lost with it.
func (b *Broker) ID() string { return b.id }

// Dir is where its data lies.
func (b *Broker) Dir() string { return b.dir }

// Address is what the broker calls itself.
func (b *Broker) Address() string { return b.network.address }

// Dial connects to the broker by a pipe. Network and address are ignored.
func (b *Broker) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return b.network.dial(ctx)
}

// Listen serves the Unix socket at the path too, until Close. It is called once at most.
func (b *Broker) Listen(path string) (err error) {
	b.socket, err = sockets.Listen(path, b.network.serve)
	return err
}

// Close writes the last state. kfake's own Close knows no deadline; nothing is lost without it, since every record that
// was acknowledged is on disk already.
func (b *Broker) Close(ctx context.Context) error {
	b.closing.Do(func() {
		go func() {
			defer close(b.closed)
			if b.socket != nil {
				b.err = b.socket.Close()
			}
			b.cluster.Close()
			b.disk.close()
		}()
	})
	select {
	case <-b.closed:
		return b.err
	case <-ctx.Done():
		return errors.Join(errors.New("close the embedded Kafka"), ctx.Err())
	}
}
