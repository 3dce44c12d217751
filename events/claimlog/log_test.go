package claimlog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events"
	"flashsale/events/eventstest"
)

func TestAppendReturnsWhereTheClaimsAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.append(2, eventstest.NewClaims(3)...)
	got = append(got, w.append(2, eventstest.NewClaims(2)...)...)
	var want []events.Position
	for offset := range int64(5) {
		want = append(want, events.Position{Partition: 2, Offset: offset})
	}
	if !slices.Equal(got, want) {
		t.Errorf("positions are %v", got)
	}
	start, end, err := w.log.Range(t.Context(), 2)
	if err != nil || start != 0 || end != 5 {
		t.Errorf("the log goes from %d to %d (%v)", start, end, err)
	}
	if positions, err := w.log.Append(t.Context(), 2, nil); positions != nil || err != nil {
		t.Errorf("appending nothing gave %v (%v)", positions, err)
	}
}

func TestFetchReadsFromTheMiddleOfABatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	claims := eventstest.NewClaims(10)
	w.append(0, claims...)
	records, err := w.log.Fetch(t.Context(), 0, 6)
	if err != nil || len(records) != 4 || records[0].Offset != 6 || records[0].Claim.ID != claims[6].ID {
		t.Errorf("got %d records (%v)", len(records), err)
	}
	if records, err = w.log.Fetch(t.Context(), 0, 10); err != nil || len(records) != 0 {
		t.Errorf("at the end: %d records (%v)", len(records), err)
	}
	if _, err = w.log.Fetch(t.Context(), 0, 11); !errors.Is(err, kafka.OffsetOutOfRange) {
		t.Errorf("past the end: %v", err)
	}
}

func TestSeveralProcessesOpenTheLogAtOnce(t *testing.T) {
	t.Parallel()
	brokers, id := embeddedtest.Kafka(t)
	cfg := Config{Brokers: brokers, LogID: id, Namespace: embeddedtest.Namespace(t), Logger: eventstest.Quiet()}
	opened := make(chan *Log, 4)
	for range 4 {
		go func() {
			l, err := Open(t.Context(), cfg)
			if err != nil {
				t.Error(err)
			}
			opened <- l
		}()
	}
	ids := make(map[string]bool)
	for range 4 {
		if l := <-opened; l != nil {
			ids[l.ID()] = true
			_ = l.Close()
		}
	}
	if len(ids) != 1 {
		t.Errorf("one log has the identities %v", ids)
	}
}

func TestOpenNamesTheBrokerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	_ = closed.Close()
	_, err = Open(t.Context(), Config{Brokers: []string{address}, Namespace: "x", Logger: eventstest.Quiet()})
	if !errors.Is(err, events.ErrLog) || !strings.Contains(err.Error(), address) {
		t.Errorf("got %v", err)
	}
	if _, err = Open(t.Context(), Config{Namespace: "x"}); !errors.Is(err, events.ErrLog) {
		t.Errorf("without brokers: %v", err)
	}
}

func TestDescribeKnowsTheTopics(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, err := w.log.Describe(t.Context())
	if err != nil || len(d.Brokers) == 0 || len(d.Topics) != 2 || d.ID != w.log.ID() {
		t.Fatalf("got %+v (%v)", d, err)
	}
	for _, topic := range d.Topics {
		if topic.Partitions != events.Partitions || topic.Leaderless != 0 {
			t.Errorf("topic %+v", topic)
		}
	}
	if err := w.log.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// faultyLog is a second log on the same topics whose connections can be made to fail.
func faultyLog(w *world) (*Log, *faults) {
	f := &faults{}
	l := newLog(w.log.cfg)
	l.id = w.log.id
	dial := l.transport.Dial
	l.transport.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return f.wrap(conn), nil
	}
	w.Cleanup(func() { _ = l.Close() })
	return l, f
}

func TestAppendHonoursItsDeadlineWhenTheBrokerIsSilent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l, faults := faultyLog(w)
	if _, err := l.Append(t.Context(), 0, eventstest.NewClaims(1)); err != nil {
		t.Fatal(err)
	}
	faults.hang(true)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	ended := make(chan error, 1)
	go func() { _, err := l.Append(ctx, 0, eventstest.NewClaims(1)); ended <- err }()
	select {
	case err := <-ended:
		if !errors.Is(err, ErrUnacknowledged) {
			t.Errorf("got %v", err)
		}
	case <-time.After(eventstest.Patience):
		t.Fatal("it does not end")
	}
	faults.hang(false)
	eventstest.Eventually(t, "it appends again", func() bool { _, err := l.Append(t.Context(), 0, eventstest.NewClaims(1)); return err == nil })
}

func TestAppendSurvivesConnectionsThatDiedWhileIdle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l, faults := faultyLog(w)
	for range 3 {
		if _, err := l.Append(t.Context(), 0, eventstest.NewClaims(1)); err != nil {
			t.Fatal(err)
		}
		faults.cut()
	}
	if _, end, err := w.log.Range(t.Context(), 0); err != nil || end != 3 {
		t.Errorf("the log ends at %d (%v), want 3", end, err)
	}
}

func TestOnlyRefusalsThatMayPassAreTriedAgain(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		kafka.NotLeaderForPartition: true, kafka.UnknownTopicOrPartition: true, errors.New("connection reset"): true,
		kafka.MessageSizeTooLarge: false, kafka.TopicAuthorizationFailed: false, kafka.InvalidRecord: false,
	} {
		if got := curable(err); got != want {
			t.Errorf("%v: curable is %v", err, got)
		}
	}
}

func TestReplicasFollowTheNumberOfBrokers(t *testing.T) {
	t.Parallel()
	for brokers, want := range map[int][2]string{0: {"1", "1"}, 1: {"1", "1"}, 2: {"2", "1"}, 3: {"3", "2"}, 9: {"3", "2"}} {
		cfg := topicConfig("x", brokers)
		entries := make(map[string]string)
		for _, e := range cfg.ConfigEntries {
			entries[e.ConfigName] = e.ConfigValue
		}
		if got := [2]string{string(rune('0' + cfg.ReplicationFactor)), entries["min.insync.replicas"]}; got != want {
			t.Errorf("%d brokers: %v, want %v", brokers, got, want)
		}
		if entries["retention.ms"] != "604800000" || cfg.NumPartitions != 8 {
			t.Errorf("kept for %s ms in %d partitions", entries["retention.ms"], cfg.NumPartitions)
		}
	}
}

// When a caller's context ends, that is no reason to connect again.
func TestOnlyTheClustersFailuresMakeItConnectAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := eventstest.Measured(t, w.log.metrics.refreshed)
	left, leave := context.WithCancel(t.Context())
	leave()
	if _, _, err := w.log.Range(left, 2); !errors.Is(err, events.ErrLog) {
		t.Errorf("a caller who left: %v", err)
	}
	if n := eventstest.Measured(t, w.log.metrics.refreshed) - before; n != 0 {
		t.Errorf("connected anew %v times", n)
	}
}

func TestWhatABrokerAnsweredIsToldInItsWords(t *testing.T) {
	t.Parallel()
	refused := fmt.Errorf("%w: append: %w", ErrUnacknowledged, kafka.KafkaStorageError)
	if code := Code(refused); code != kafka.KafkaStorageError.Title() {
		t.Errorf("%q", code)
	}
	if code := Code(errors.New("connection refused")); code != "" {
		t.Errorf("a connection that failed is an answer: %q", code)
	}
}
