//go:build unix

package instance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"flashsale/app/config"
	"flashsale/app/embedded/embeddedtest"
	"flashsale/app/instance/instancetest"
	"flashsale/events"
	"flashsale/events/consumer"
	"flashsale/sale"
)

// The throughput of one partition alone: one ledger fetches, decides and commits claims that are already in the log, with and
// without a relay that publishes the events. An iteration is one claim. The CPU time is that of this process and of its Postgres
// connections.
func BenchmarkLogToVerdict(b *testing.B) {
	for _, publish := range []bool{false, true} {
		b.Run(fmt.Sprintf("publishing=%v", publish), func(b *testing.B) {
			r := openReading(b)
			r.append(b, b.N)
			if publish {
				r.run(r.wiring.outbox.Run)
			}
			b.ResetTimer()
			b.StopTimer() // joining the group is not measured
			r.run(r.ledger.Run)
			<-r.began
			cpu, backends, start := ownCPU(), r.backendCPU(), time.Now()
			b.StartTimer()
			r.await(b, int64(b.N))
			b.StopTimer()
			took := time.Since(start)
			b.ReportMetric(float64(b.N)/took.Seconds(), "verdicts/s")
			b.ReportMetric(float64((ownCPU()-cpu).Microseconds())/float64(b.N), "µs-cpu/op")
			b.ReportMetric(float64((r.backendCPU()-backends).Microseconds())/float64(b.N), "µs-pg/op")
		})
	}
}

// reading is a sale, its log, and the ledger that reads it.
type reading struct {
	b      *testing.B
	wiring *wiring
	ledger *consumer.Ledger
	sale   sale.Snapshot
	began  chan struct{}
	first  sync.Once
}

func openReading(b *testing.B) *reading {
	b.Helper()
	ctx := b.Context()
	s := &Servers{Settings: instancetest.Servers(b)}
	_, schema := embeddedtest.Postgres(b) // the schema goes at the end
	cfg := config.Config{Namespace: schema, MaxStock: 1 << 40}
	quiet := slog.New(slog.DiscardHandler)
	registry := prometheus.NewRegistry()
	if err := s.connect(ctx, cfg, quiet, registry); err != nil {
		b.Fatal(err)
	}
	r := &reading{b: b, wiring: newWiring(cfg, s, quiet, registry), began: make(chan struct{})}
	b.Cleanup(func() {
		r.wiring.close()
		if err := s.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
	if err := errors.Join(r.wiring.prepare(ctx), r.wiring.directory.Refresh(ctx)); err != nil {
		b.Fatal(err)
	}
	r.ledger = consumer.New(s.ledger, s.log, r.wiring.checkout, consumer.Config{Committed: func() {
		r.first.Do(func() { close(r.began) })
		r.wiring.outbox.Wake()
	}})
	r.sale = r.wiring.catalog.All()[0]
	return r
}

func (r *reading) append(b *testing.B, n int) {
	b.Helper()
	first, ids := claimOf(b, r.wiring.servers.pool, r.sale, 1), sale.NewIDs(secretOf(b, r.wiring.servers.pool, r.sale.ID))
	for from := 0; from < n; from += 500 {
		claims := make([]events.Claim, min(500, n-from))
		for i := range claims {
			user := int64(from + i + 1)
			claims[i] = first
			claims[i].UserID, claims[i].Username = user, fmt.Sprintf("shopper_number_%d", user)
			claims[i].ID = ids.Claim(r.sale.Generation, user, 1)
		}
		if _, err := r.wiring.servers.log.Append(b.Context(), r.sale.Partition, claims); err != nil {
			b.Fatal(err)
		}
	}
}

// run runs a part until the benchmark ends.
func (r *reading) run(part func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = part(ctx) }()
	r.b.Cleanup(func() { cancel(); <-ended })
}

// await returns when the ledger has passed that many records.
func (r *reading) await(b *testing.B, end int64) {
	b.Helper()
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		at, err := r.ledger.Cursor(b.Context(), r.sale.Partition)
		if err == nil && at.Offset >= end {
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("the ledger is at %d of %d (%v)", at.Offset, end, err)
		}
	}
}

func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// backendCPU is what the server has spent on the idle connections of both pools; nothing where it cannot be seen.
func (r *reading) backendCPU() time.Duration {
	return poolCPU(r.wiring.servers.pool) + poolCPU(r.wiring.servers.ledger)
}

// poolCPU is what the server has spent on the idle connections of a pool.
func poolCPU(pool *pgxpool.Pool) (total time.Duration) {
	for _, c := range pool.AcquireAllIdle(context.Background()) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", c.Conn().PgConn().PID()))
		var ran int64
		if err == nil {
			_, _ = fmt.Sscan(string(text), &ran)
		}
		total += time.Duration(ran)
		c.Release()
	}
	return total
}
