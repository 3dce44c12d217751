package cluster

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/google/uuid"
	"github.com/redis/rueidis"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/events"
	"flashsale/events/eventstest"
)

// decisionOn is a decision on that many claims of the test's sale.
func decisionOn(claims int) events.Decision {
	d := events.Decision{Stocks: []events.Stock{{SaleID: 1, Generation: 1, Total: 5_000, Taken: int64(claims), Version: 9}}, Closed: []int64{1}}
	for i := range int64(claims) {
		d.Verdicts = append(d.Verdicts, events.Verdict{ClaimID: uuid.New(), SaleID: 1, Generation: 1, UserID: i + 1, Username: "jane_smith_1000",
			Attempt: 1, Outcome: events.Ordered, Unit: i + 1, RequestID: uuid.New(), Revision: 9, Fresh: true})
	}
	return d
}

// A request that waits for the first verdict of a thousand does not wait until all have been read.
func TestABigDecisionIsSplitIntoMessagesOfBoundedSize(t *testing.T) {
	t.Parallel()
	for claims, messages := range map[int]int{0: 1, 1: 1, mostVerdicts: 1, mostVerdicts + 1: 2, 1000: 10} {
		d := decisionOn(claims)
		all := split(&d)
		if len(all) != messages {
			t.Errorf("%d claims are told in %d messages, want %d", claims, len(all), messages)
		}
		var told []events.Verdict
		for _, some := range all {
			text, err := Write("somebody", some)
			if err != nil {
				t.Fatal(err)
			}
			if len(text) > 64<<10 {
				t.Errorf("a message of %d bytes", len(text))
			}
			got, err := Read(text)
			if err != nil || len(got.Stocks) != 1 || got.Stocks[0] != d.Stocks[0] || len(got.Closed) != 1 {
				t.Fatalf("read %+v (%v)", got, err)
			}
			told = append(told, got.Verdicts...)
		}
		if len(told) != claims {
			t.Fatalf("%d of %d verdicts were told", len(told), claims)
		}
		for i := range told {
			if told[i] != d.Verdicts[i] {
				t.Fatalf("told %+v, want %+v", told[i], d.Verdicts[i])
			}
		}
	}
}

// A message of another version is read as far as its fields are known.
func TestMessagesOfOtherVersions(t *testing.T) {
	t.Parallel()
	for text, closed := range map[string]int{
		`{"v":1,"from":"a","closed":[1]}`:                                    1,
		`{"closed":[1]}`:                                                     1, // of the version before
		`{"v":1,"from":"a","closed":[1],"later":{"x":[1]}}`:                  1,
		`{"v":1,"from":"a","verdicts":null,"stocks":null}`:                   0,
		`{"v":2,"from":"a","closed":[1]}`:                                    -1,
		`{"v":1,"from":"a","stocks":[{"sale":1,"generation":1,"total":-1}]}`: -1,
		`{"v":1,"from":"a","closed":"all"}`:                                  -1,
		``:                                                                   -1,
		"\x00\xff":                                                           -1,
	} {
		d, err := Read([]byte(text))
		if (err != nil) != (closed < 0) || err == nil && len(d.Closed) != closed {
			t.Errorf("%s is read as %+v (%v)", text, d, err)
		}
	}
}

// What a process decided last is published even though the process ends.
func TestWaitingMessagesArePublishedAtTheEnd(t *testing.T) {
	t.Parallel()
	namespace := embeddedtest.Namespace(t)
	_, box, dial, ready := runBus(t, namespace)
	<-ready
	client, err := dial.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ending := NewBus(BusConfig{Namespace: namespace, Dial: dial.dial, Logger: slog.New(slog.DiscardHandler)})
	for i := range int64(busAtOnce / 2) {
		ending.Publish("greetings", closeOf(i+1))
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := ending.deliver(ctx, client); !errors.Is(err, context.Canceled) {
		t.Errorf("deliver: %v", err)
	}
	for i := range int64(busAtOnce / 2) {
		eventstest.Eventually(t, "the last message", func() bool { return box.has(i + 1) })
	}
}

// A process receives its own messages too. It recognises them by their beginning, in every channel.
func TestAProcessIgnoresItsOwnMessages(t *testing.T) {
	t.Parallel()
	b := NewBus(BusConfig{Namespace: "n", Process: `host "7"`})
	var heard int
	b.On("greetings", func(events.Decision, error) { heard++ })
	for _, d := range []*events.Decision{nil, closeOf(3)} {
		text, err := Write(b.cfg.Process, d)
		if err != nil {
			t.Fatal(err)
		}
		b.receive(rueidis.PubSubMessage{Channel: "n:greetings", Message: string(text)})
	}
	if heard != 0 {
		t.Errorf("it took %d of its own messages", heard)
	}
	b.receive(rueidis.PubSubMessage{Channel: "n:greetings", Message: `{"v":1,"from":"host \"77\"","closed":[1]}`})
	b.receive(rueidis.PubSubMessage{Channel: "n:elsewhere", Message: `{}`})
	if n := eventstest.Measured(t, b.metrics.received); heard != 1 || n != 1 {
		t.Errorf("of another it took %d, counted %v", heard, n)
	}
}
