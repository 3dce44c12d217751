//go:build unix

package instance

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"flashsale/users"
)

// BenchmarkExport takes all orders of a generation away as a file, over HTTP and through the product's own wiring. There are
// FLASHSALE_BENCH_ORDERS orders, without the variable 100,000, each of an account of its own, and each fiftieth cancelled. One command makes
// a million and measures:
//
//	FLASHSALE_BENCH_ORDERS=1000000 go test -run '^$' -bench BenchmarkExport -benchtime 3x ./app/instance
//
// A million rows may take 15 seconds and 50 MiB more memory. "beside a sale" does it while shoppers buy, and fails when a press is
// refused. The CPU time and the memory are those of this process, in which the client runs too; pg-cpu is that of the export's
// connection.
func BenchmarkExport(b *testing.B) {
	orders := int64(100_000)
	if asked := os.Getenv("FLASHSALE_BENCH_ORDERS"); asked != "" {
		n, err := strconv.ParseInt(asked, 10, 64)
		if err != nil || n < 1000 {
			b.Fatalf("FLASHSALE_BENCH_ORDERS must be a number from 1000, not %q", asked)
		}
		orders = n
	}
	d := newDeployment(b)
	d.Config.MaxStock = 1 << 40
	a := d.start(b)
	seedSold(b, a, orders)
	for _, c := range []struct {
		name, query string
		beside      bool
	}{{"csv", "", false}, {"jsonl", "&format=jsonl", false}, {"csv beside a sale", "", true}} {
		b.Run(c.name, func(b *testing.B) {
			stop := func() int { return 0 }
			if c.beside {
				stop = keepBuying(b, a)
			}
			var t taken
			for b.Loop() {
				t.add(takeExport(b, a, a.URL()+"/api/admin/orders/export?generation=1"+c.query))
			}
			if refused := stop(); refused > 0 {
				b.Errorf("%d presses are refused beside an export", refused)
			}
			n := float64(b.N)
			b.ReportMetric(float64(t.rows)/n, "rows")
			b.ReportMetric(float64(t.bytes)/n/(1<<20), "MiB")
			b.ReportMetric(t.cpu.Seconds()/n, "cpu-s")
			b.ReportMetric(t.server.Seconds()/n, "pg-cpu-s")
			b.ReportMetric(t.heap/(1<<20), "more-heap-MiB")
			b.ReportMetric(t.resident/(1<<20), "more-RSS-MiB")
			if want := orders * int64(b.N); t.rows != want {
				b.Errorf("%d rows of %d", t.rows, want)
			}
		})
	}
}

// seedSold lets the first generation of the sale have sold n units, and begins the next one. The rows are written behind the product's
// back, because a million purchases take minutes; each is of an account.
func seedSold(b *testing.B, a *Instance, n int64) {
	b.Helper()
	c := newClientTB(b, a.URL())
	c("/api/users/seed", fmt.Sprintf(`{"userCount":%d}`, users.AbleLength(besideShoppers)))
	c("/api/flash-sale/reset", `{}`)
	c("/api/flash-sale/update-stock", fmt.Sprintf(`{"stockAmount":%d}`, besideShoppers))
	for _, sql := range []string{
		`INSERT INTO users (username, username_key, email, email_key, changed)
SELECT 'Shopper number '||n, 'shopper number '||n, 'shopper.number.'||n||'@example.com', 'shopper.number.'||n||'@example.com', 0 FROM generate_series(1, $1::bigint) n`,
		`INSERT INTO orders (id, sale_id, generation, user_id, username, unit, attempt, revision, decided_at, pressed_at, state, released_at)
SELECT gen_random_uuid(), s.id, 1, u.id, u.username, n, 1, 1, now(), now(), CASE WHEN n % 50 = 0 THEN 'cancelled' ELSE 'confirmed' END,
	CASE WHEN n % 50 = 0 THEN now() END
FROM sales s, (SELECT *, row_number() OVER (ORDER BY id) AS n FROM users WHERE changed = 0) u WHERE $1::bigint > 0`,
		`UPDATE stock SET next_unit = $1::bigint + 1, total = $1::bigint, taken = $1::bigint - $1::bigint / 50 WHERE generation = 1`,
	} {
		if _, err := a.wiring.servers.pool.Exec(b.Context(), sql, n); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := a.wiring.servers.pool.Exec(b.Context(), `VACUUM ANALYZE orders, users`); err != nil {
		b.Fatal(err)
	}
}

// besideShoppers is how many shoppers can buy beside the exports.
const besideShoppers = 20_000

// newClientTB posts JSON, and fails the benchmark when it is refused.
func newClientTB(b *testing.B, base string) func(path, body string) {
	return func(path, body string) {
		b.Helper()
		r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, base+path, strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", path)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		if said, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
			b.Fatalf("%s: %d %s", path, answer.StatusCode, said)
		}
	}
}

// keepBuying presses a hundred times a second, each time as another shopper, until it is stopped; it says how often that was refused.
func keepBuying(b *testing.B, a *Instance) (stop func() (refused int)) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	var presses sync.WaitGroup
	refused := 0
	presses.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for n := range besideShoppers {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			r, err := http.Post(a.URL()+"/api/flash-sale/purchase", "application/json", strings.NewReader(`{"username":"`+shopperName(n)+`"}`))
			if err != nil || r.StatusCode != http.StatusCreated && r.StatusCode != http.StatusOK {
				refused++
			}
			if err == nil {
				_ = r.Body.Close()
			}
		}
	})
	return func() int {
		cancel()
		presses.Wait()
		return refused
	}
}

// taken is what exports gave and cost. heap and resident are the most that one of them had more than was there before it, in bytes.
type taken struct {
	rows, bytes    int64
	cpu, server    time.Duration
	heap, resident float64
}

func (t *taken) add(one taken) {
	t.rows, t.bytes, t.cpu, t.server = t.rows+one.rows, t.bytes+one.bytes, t.cpu+one.cpu, t.server+one.server
	t.heap, t.resident = max(t.heap, one.heap), max(t.resident, one.resident)
}

// takeExport reads one file, as a client that is never in the way.
func takeExport(b *testing.B, a *Instance, address string) (t taken) {
	b.Helper()
	debug.FreeOSMemory()
	heap, resident := heapInUse(), residentBytes()
	measured, done := make(chan taken, 1), make(chan struct{})
	go func() {
		var most taken
		for tick := time.NewTicker(10 * time.Millisecond); ; {
			select {
			case <-tick.C:
				most.add(taken{heap: heapInUse() - heap, resident: residentBytes() - resident})
			case <-done:
				tick.Stop()
				measured <- most
				return
			}
		}
	}()
	cpu, server := ownCPU(), exportCPU(a)
	r, err := http.Get(address)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	lines := bufio.NewReaderSize(r.Body, 256<<10)
	for {
		part, err := lines.ReadSlice('\n')
		t.bytes += int64(len(part))
		if err == io.EOF {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		t.rows++
	}
	t.cpu, t.server = ownCPU()-cpu, exportCPU(a)-server
	close(done)
	t.add(<-measured)
	if strings.HasPrefix(r.Header.Get("Content-Type"), "text/csv") {
		t.rows-- // the head
	}
	if said := r.Trailer.Get("Export-Rows"); said != strconv.FormatInt(t.rows, 10) {
		b.Errorf("%d rows, and the trailer says %q", t.rows, said)
	}
	return t
}

func heapInUse() float64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
	metrics.Read(s)
	return float64(s[0].Value.Uint64() + s[1].Value.Uint64())
}

// residentBytes is 0 where the system does not say it so.
func residentBytes() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	var size, pages float64
	if err == nil {
		_, _ = fmt.Sscan(string(text), &size, &pages)
	}
	return pages * float64(os.Getpagesize())
}

// exportCPU is what the server has spent on the connections of exports that are idle; nothing where it cannot be seen. There is one at
// the beginning, so that it is that of the first export too.
func exportCPU(a *Instance) time.Duration {
	pool := a.wiring.servers.export
	if c, err := pool.Acquire(context.Background()); err == nil {
		c.Release()
	}
	return poolCPU(pool)
}
