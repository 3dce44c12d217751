//go:build unix

package instance

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"flashsale/sale"
	"flashsale/users"
)

// BenchmarkDesk opens the pages of the desk over HTTP in a sale with FLASHSALE_BENCH_ORDERS orders, without the variable 20,000, and, in
// turn, in one with 1,000, and reports of each page how many times as long it takes in the large sale, by the medians, and of the
// orders since a revision, which a process reads after an order was cancelled. One command makes a million and measures:
//
//	FLASHSALE_BENCH_ORDERS=1000000 go test -run '^$' -bench Desk -benchtime 40x ./app/instance
func BenchmarkDesk(b *testing.B) {
	large := int64(20_000)
	if asked := os.Getenv("FLASHSALE_BENCH_ORDERS"); asked != "" {
		n, err := strconv.ParseInt(asked, 10, 64)
		if err != nil || n < 1000 {
			b.Fatalf("FLASHSALE_BENCH_ORDERS must be a number from 1000, not %q", asked)
		}
		large = n
	}
	desks := []soldDesk{openSoldDesk(b, 1000), openSoldDesk(b, large)}
	took := map[string][2][]time.Duration{}
	for b.Loop() {
		for at, d := range desks {
			for name, path := range d.pages {
				began := time.Now()
				d.read(b, path)
				of := took[name]
				of[at] = append(of[at], time.Since(began))
				took[name] = of
			}
			began := time.Now()
			if found, err := d.wiring.sales.OrdersSince(b.Context(), d.key, 1); err != nil || len(found) > 0 {
				b.Fatalf("%d orders since the last revision: %v", len(found), err)
			}
			of := took["since"]
			of[at] = append(of[at], time.Since(began))
			took["since"] = of
		}
	}
	for name, of := range took {
		slices.Sort(of[0])
		slices.Sort(of[1])
		b.ReportMetric(float64(of[1][len(of[1])/2])/float64(of[0][len(of[0])/2]), "x-"+name)
		b.ReportMetric(float64(of[1][len(of[1])*95/100].Microseconds())/1000, "p95-ms-"+name)
	}
}

// soldDesk is an instance whose sale has sold some units, and the pages of its desk.
type soldDesk struct {
	*Instance
	key   sale.Key
	pages map[string]string
}

// openSoldDesk sells n units of twice as many, in rows that are written behind the product's back, each to an account of its own, and
// each fiftieth order cancelled.
func openSoldDesk(b *testing.B, n int64) soldDesk {
	b.Helper()
	d := newDeployment(b)
	d.Config.MaxStock = 1 << 40
	a := d.start(b)
	newClientTB(b, a.URL())("/api/users/seed", fmt.Sprintf(`{"userCount":%d}`, users.AbleLength(10)))
	pool := a.wiring.servers.pool
	for _, sql := range []string{
		`INSERT INTO users (username, username_key, email, email_key, changed)
SELECT 'Shopper number '||n, 'shopper number '||n, 'shopper.number.'||n||'@example.com', 'shopper.number.'||n||'@example.com', 0 FROM generate_series(1, $1::bigint) n`,
		`INSERT INTO orders (id, sale_id, generation, user_id, username, unit, attempt, revision, decided_at, pressed_at, state, released_at)
SELECT gen_random_uuid(), s.id, s.generation, u.id, u.username, n, 1, 1, now(), now(), CASE WHEN n % 50 = 0 THEN 'cancelled' ELSE 'confirmed' END,
	CASE WHEN n % 50 = 0 THEN now() END
FROM sales s, (SELECT *, row_number() OVER (ORDER BY id) AS n FROM users WHERE changed = 0) u WHERE $1::bigint > 0`,
		`UPDATE stock SET next_unit = $1::bigint + 1, total = 2 * $1::bigint, taken = $1::bigint - $1::bigint / 50, version = version + 1`,
	} {
		if _, err := pool.Exec(b.Context(), sql, n); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := pool.Exec(b.Context(), `VACUUM ANALYZE orders, users`); err != nil {
		b.Fatal(err)
	}
	var key sale.Key
	var slug string
	var middle uuid.UUID
	err := pool.QueryRow(b.Context(), `SELECT s.id, s.generation, s.slug, o.id FROM sales s JOIN orders o ON o.sale_id = s.id WHERE o.unit = $1`, n/2+1).Scan(&key.Sale, &key.Generation, &slug, &middle)
	if err != nil {
		b.Fatal(err)
	}
	cursor := base64.RawURLEncoding.EncodeToString(append(binary.BigEndian.AppendUint64([]byte{'o', 0}, uint64(n/2+1)), middle[:]...))
	return soldDesk{a, key, map[string]string{
		"desk": "/admin", "sales": "/admin/sales", "sale": "/admin/sales/" + slug, "figures": "/api/admin/sales/" + slug + "/figures",
		"first": "/admin/orders", "middle": "/admin/orders?cursor=" + cursor, "search": "/admin/orders?q=shopper+number+9",
		"unit": fmt.Sprintf("/admin/orders?unit=%d", n/2+1), "order": "/admin/orders/" + middle.String(), "shoppers": "/admin/shoppers?q=shopper",
		"shopper": "/admin/shoppers/Shopper%20number%207", "history": "/admin/audit", "export": "/api/admin/orders/export",
	}}
}

// read reads a page, and of an export the first byte.
func (d soldDesk) read(b *testing.B, path string) {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, d.URL()+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Accept", "text/html, application/json;q=0.9, text/csv;q=0.8")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	most := int64(1 << 20)
	if answer.Header.Get("Content-Disposition") != "" {
		most = 1
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, most))
	if err != nil || answer.StatusCode != http.StatusOK {
		b.Fatalf("%s: %d %v %.300s", path, answer.StatusCode, err, body)
	}
}
