package kafka

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
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
			if !strings.Contains(got, name+"/0.dat") {
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

// TestALogThatLostItsIndexesHasAllItsRecords: they are not synced, so a machine that loses its power may leave them out, short, or
// full of zeros. What was acknowledged is there, with its offsets, and so is what is appended afterwards.
func TestALogThatLostItsIndexesHasAllItsRecords(t *testing.T) {
	t.Parallel()
	running := t.TempDir()
	b := start(t, running)
	c := client(t, b)
	for n := range 40 {
		if err := produce(t, c, n%2, strconv.Itoa(n)); err != nil {
			t.Fatal(err)
		}
	}
	for name, lose := range map[string]func(path string, size int64) error{
		"left out":      func(path string, _ int64) error { return os.Remove(path) },
		"empty":         func(path string, _ int64) error { return os.Truncate(path, 0) },
		"cut":           func(path string, size int64) error { return os.Truncate(path, size/2+4) },
		"full of zeros": func(path string, size int64) error { return os.WriteFile(path, make([]byte, 2*size), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir() // as the disk is when the power goes, without an orderly end
			if err := os.CopyFS(dir, os.DirFS(running)); err != nil {
				t.Fatal(err)
			}
			indexes, err := filepath.Glob(filepath.Join(dir, "partitions", "*", "*.idx"))
			if err != nil || len(indexes) != 2 {
				t.Fatalf("%d indexes, %v", len(indexes), err)
			}
			for _, path := range indexes {
				info, err := os.Stat(path)
				if err == nil {
					err = lose(path, info.Size())
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			for again := range 2 { // the second time with an index that has gaps
				b := start(t, dir)
				c := another(t, b)
				for partition := range 2 {
					if err := produce(t, c, partition, strconv.Itoa(40+2*again+partition)); err != nil {
						t.Fatal(err)
					}
					for offset := range int64(21 + again) {
						if got, want := read(t, c, partition, offset), strconv.FormatInt(2*offset+int64(partition), 10); got != want {
							t.Fatalf("the record at %d of partition %d is %q, want %q", offset, partition, got, want)
						}
					}
				}
				if err := b.Close(within(t)); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// read is the value of the record at an offset.
func read(t *testing.T, c *kafkago.Client, partition int, offset int64) string {
	t.Helper()
	f, err := c.Fetch(within(t), &kafkago.FetchRequest{Topic: topic, Partition: partition, Offset: offset, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Second})
	if err != nil || f.Error != nil {
		t.Fatal(err, f)
	}
	r, err := f.Records.ReadRecord()
	if err != nil || r.Offset != offset {
		t.Fatalf("at %d: %+v, %v", offset, r, err)
	}
	value, err := io.ReadAll(r.Value)
	if err != nil {
		t.Fatal(err)
	}
	return string(value)
}

// TestAnAppendWaitsForNoOtherTopic: while the records of another topic cannot be synced, a claim is acknowledged, and so are the
// offsets of a group.
func TestAnAppendWaitsForNoOtherTopic(t *testing.T) {
	t.Parallel()
	b := start(t, t.TempDir())
	c := client(t, b)
	const other = "shop.events"
	made, err := c.CreateTopics(within(t), &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{{Topic: other, NumPartitions: 1, ReplicationFactor: 1}}})
	if err != nil || made.Errors[other] != nil {
		t.Fatal(err, made)
	}
	begun, goOn := make(chan struct{}, 100), make(chan struct{})
	b.disk.sync = func(f *os.File) error {
		if strings.Contains(f.Name(), other) {
			begun <- struct{}{}
			<-goOn
		}
		return f.Sync()
	}
	publisher, published := another(t, b), make(chan error, 1)
	go func() {
		r, err := publisher.Produce(within(t), &kafkago.ProduceRequest{Topic: other, RequiredAcks: kafkago.RequireAll,
			Records: kafkago.NewRecordReader(kafkago.Record{Value: kafkago.NewBytes([]byte("an event"))})})
		if err == nil {
			err = r.Error
		}
		published <- err
	}()
	<-begun
	for range 5 {
		if err := produce(t, c, 0, "a claim"); err != nil {
			t.Fatal(err)
		}
	}
	committed, err := c.OffsetCommit(within(t), &kafkago.OffsetCommitRequest{GroupID: "shop", GenerationID: -1, Topics: map[string][]kafkago.OffsetCommit{
		topic: {{Partition: 0, Offset: 5}}}})
	if err != nil || committed.Topics[topic][0].Error != nil {
		t.Errorf("offsets: %+v, %v", committed, err)
	}
	select {
	case err := <-published:
		t.Errorf("the event was acknowledged before its sync (%v)", err)
	default:
	}
	close(goOn)
	if err := <-published; err != nil {
		t.Error(err)
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
	if synced.Load() != 3 { // the records, and the names of their file and of its directory
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
