package traces

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// end makes spans that have ended.
func end(t *Tracer, n int) {
	for range n {
		_, s := t.spans.Start(context.Background(), "span")
		s.End()
	}
}

// run runs the queue until the function that it returns is called.
func run(t *testing.T, tracer *Tracer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = tracer.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(stop)
	return stop
}

// While a collector hangs nobody waits for it: the queue fills, the rest is lost and counted, and a stop takes no longer than it may.
func TestACollectorThatHangsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	tracer := newTracer(t, "always_on", 1)
	asked := make(chan struct{}, 100)
	tracer.exporter = takes{answer: func(ctx context.Context, _ int) error {
		asked <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}}
	stop := run(t, tracer)
	end(tracer, batchMost)
	<-asked
	end(tracer, 2*queueRoom)
	if n := testutil.ToFloat64(tracer.results.WithLabelValues(resultFull)); n != queueRoom {
		t.Errorf("%v spans found the queue full, want %d", n, queueRoom)
	}
	began := time.Now()
	stop()
	if took := time.Since(began); took > sendTime {
		t.Errorf("the stop takes %v", took)
	}
	failed, sent := testutil.ToFloat64(tracer.results.WithLabelValues(resultFailed)), testutil.ToFloat64(tracer.results.WithLabelValues(resultSent))
	if failed != batchMost+queueRoom || sent != 0 {
		t.Errorf("%v failed, %v were sent", failed, sent)
	}
}

// What has ended before the stop is sent.
func TestAStopSendsWhatWaits(t *testing.T) {
	t.Parallel()
	tracer := newTracer(t, "always_on", 1)
	got := 0
	tracer.exporter = takes{answer: func(_ context.Context, n int) error { got += n; return nil }}
	stop := run(t, tracer)
	end(tracer, 2*batchMost+7)
	stop()
	if sent := testutil.ToFloat64(tracer.results.WithLabelValues(resultSent)); got != 2*batchMost+7 || sent != float64(got) {
		t.Errorf("%d came, %v are counted", got, sent)
	}
}

// That the collector is away is said once, without its secrets, and again when it is back.
func TestACollectorThatIsAwayIsToldOnce(t *testing.T) {
	t.Parallel()
	tracer := newTracer(t, "always_on", 1)
	var said strings.Builder
	away := true
	tracer.logger, tracer.secrets = slog.New(slog.NewTextHandler(&said, nil)), []string{"hunter2secret"}
	tracer.exporter = takes{answer: func(context.Context, int) error {
		if away {
			return errAway
		}
		return nil
	}}
	send := func() {
		end(tracer, 3)
		tracer.flush(t.Context(), nil)
	}
	for range 5 {
		send()
	}
	if n := strings.Count(said.String(), "does not take traces"); n != 1 || strings.Contains(said.String(), "hunter2") || len(said.String()) > 700 {
		t.Errorf("%d times: %s", n, said.String())
	}
	tracer.told = tracer.told.Add(-tellEvery)
	send()
	if !strings.Contains(said.String(), "lost=15") {
		t.Errorf("not again: %s", said.String())
	}
	away = false
	send()
	send()
	if n := strings.Count(said.String(), "takes traces again"); n != 1 {
		t.Errorf("%d times: %s", n, said.String())
	}
}
