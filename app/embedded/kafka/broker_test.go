package kafka

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	topic    = "shop.claims"
	patience = time.Minute
)

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	t.Cleanup(cancel)
	return ctx
}

func start(t testing.TB, dir string) *Broker {
	t.Helper()
	b, err := Start(dir, "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(within(t)); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

// client makes the topic, with two partitions.
func client(t testing.TB, b *Broker) *kafkago.Client {
	t.Helper()
	transport := &kafkago.Transport{Dial: b.Dial}
	t.Cleanup(transport.CloseIdleConnections)
	c := &kafkago.Client{Addr: kafkago.TCP(Address), Transport: transport}
	made, err := c.CreateTopics(within(t), &kafkago.CreateTopicsRequest{
		Topics: []kafkago.TopicConfig{{Topic: topic, NumPartitions: 2, ReplicationFactor: 1}}})
	if err != nil || made.Errors[topic] != nil {
		t.Fatal(err, made)
	}
	return c
}

func produce(t testing.TB, c *kafkago.Client, partition int, value string) error {
	t.Helper()
	r, err := c.Produce(within(t), &kafkago.ProduceRequest{Topic: topic, Partition: partition, RequiredAcks: kafkago.RequireAll,
		Records: kafkago.NewRecordReader(kafkago.Record{Value: kafkago.NewBytes([]byte(value))})})
	if err != nil {
		return err
	}
	return r.Error
}

// TestWhatIsAcknowledgedIsSynced looks at what is synced before each acknowledgement. It fails when kfake names its files
// in another way.
func TestWhatIsAcknowledgedIsSynced(t *testing.T) {
	t.Parallel()
	b := start(t, t.TempDir())
	var mu sync.Mutex
	var synced []string
	b.disk.sync = func(f *os.File) error {
		mu.Lock()
		defer mu.Unlock()
		name, _ := filepath.Rel(b.dir, f.Name())
		synced = append(synced, filepath.ToSlash(name))
		return f.Sync()
	}
	since := func() string {
		mu.Lock()
		defer mu.Unlock()
		all := strings.Join(synced, " ")
		synced = nil
		return all
	}
	c := client(t, b)
	for partition, name := range []string{"partitions/shop.claims-0", "partitions/shop.claims-1"} {
		for _, first := range []bool{true, false} {
			since()
			if err := produce(t, c, partition, "a"); err != nil {
				t.Fatal(err)
			}
			got := since()
			if !strings.Contains(got, name+"/0.dat") || !strings.Contains(got, name+"/0.idx") {
				t.Errorf("acknowledged after syncing %q", got)
			}
			if names := strings.Contains(got+" ", name+" ") && strings.Contains(got+" ", "partitions "); names != first {
				t.Errorf("the first record of its file: %v; synced: %s", first, got)
			}
		}
	}
	since()
	fetched, err := c.Fetch(within(t), &kafkago.FetchRequest{Topic: topic, MinBytes: 1, MaxBytes: 1 << 20})
	if err != nil || fetched.Error != nil {
		t.Fatal(err, fetched)
	}
	if got := since(); got != "" {
		t.Errorf("what was on disk was synced again for a reader: %s", got)
	}
}

// TestAFailedSyncIsNotAcknowledged: nor is anything after it, because the next sync says that all is well although it is
// not. Nobody reads the record either, so that the ledger does not count on an offset that the disk may lose.
func TestAFailedSyncIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	b := start(t, t.TempDir())
	c := client(t, b)
	if err := produce(t, c, 0, "kept"); err != nil {
		t.Fatal(err)
	}
	reading, stop := context.WithCancel(within(t))
	defer stop()
	var seen atomic.Int32
	reader := another(t, b)
	waiting := make(chan struct{})
	go func() { // waits at the log's end for the next record
		defer close(waiting)
		f, err := reader.Fetch(reading, &kafkago.FetchRequest{Topic: topic, Offset: 1, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: 10 * time.Second})
		if err == nil && f.Error == nil {
			if _, err := f.Records.ReadRecord(); err == nil {
				seen.Add(1)
			}
		}
	}()
	var failures atomic.Int32
	b.disk.sync = func(f *os.File) error {
		if strings.HasSuffix(f.Name(), ".dat") && failures.Add(1) == 1 { // the system tells of it once
			return &os.PathError{Op: "sync", Path: f.Name(), Err: syscall.EIO}
		}
		return f.Sync()
	}
	if err := produce(t, c, 0, "lost"); err == nil {
		t.Error("a record that is not on disk was acknowledged")
	}
	<-waiting
	if seen.Load() > 0 {
		t.Error("a record that is not on disk was read")
	}
	if err := produce(t, another(t, b), 1, "later"); err == nil {
		t.Error("after a failed sync a record was acknowledged")
	}
	_, err := b.Dial(t.Context(), "", "")
	if !errors.Is(err, ErrDisk) || !errors.Is(err, syscall.EIO) {
		t.Errorf("a new connection is told %v", err)
	}
}

// another is one more client, of connections of its own.
func another(t testing.TB, b *Broker) *kafkago.Client {
	t.Helper()
	transport := &kafkago.Transport{Dial: b.Dial}
	t.Cleanup(transport.CloseIdleConnections)
	return &kafkago.Client{Addr: kafkago.TCP(Address), Transport: transport}
}

// TestAFileThatCannotBeOpenedSpoilsOneAnswer: it is not the disk that failed.
func TestAFileThatCannotBeOpenedSpoilsOneAnswer(t *testing.T) {
	t.Parallel()
	d := newDisk(t.TempDir(), slog.New(slog.DiscardHandler))
	dir := filepath.Join(d.dir, "a-0")
	if err := os.MkdirAll(filepath.Join(dir, "0.dat"), 0o700); err != nil { // a directory is not opened for writing
		t.Fatal(err)
	}
	if err := d.settle([]partition{{"a", 0}}); err == nil || errors.Is(err, ErrDisk) {
		t.Errorf("settle: %v", err)
	}
	if err := d.failure(); err != nil {
		t.Errorf("the log has failed for good: %v", err)
	}
	if err := d.settle([]partition{{"b", 0}, {"c", 7}}); err != nil {
		t.Errorf("topics that were removed meanwhile: %v", err)
	}
}

// TestARemovedTopicMadeAgainIsSynced: its files have the names, and may have the sizes, of those that were synced.
func TestARemovedTopicMadeAgainIsSynced(t *testing.T) {
	t.Parallel()
	b := start(t, t.TempDir())
	c := client(t, b)
	if err := produce(t, c, 0, "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteTopics(within(t), &kafkago.DeleteTopicsRequest{Topics: []string{topic}}); err != nil {
		t.Fatal(err)
	}
	c = client(t, b)
	var synced atomic.Int32
	b.disk.sync = func(f *os.File) error { synced.Add(1); return f.Sync() }
	if err := produce(t, c, 0, "a"); err != nil {
		t.Fatal(err)
	}
	if synced.Load() < 2 {
		t.Errorf("acknowledged after %d syncs", synced.Load())
	}
}

func TestCloseKeepsToItsDeadline(t *testing.T) {
	t.Parallel()
	b := start(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// Either answer is right for a context that has ended; a second call waits for the end.
	_ = b.Close(ctx)
	if err := b.Close(within(t)); err != nil {
		t.Errorf("second close: %v", err)
	}
	if _, err := b.Dial(within(t), "", ""); !errors.Is(err, errClosed) {
		t.Errorf("dialed after the close: %v", err)
	}
}
