//go:build unix

package resilience

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"
)

// growth is the use of memory, descriptors and tables during a long run, as a list of samples.
type growth struct {
	samples []map[string]float64
}

// sample measures the instances and the tables now.
func (g *growth) sample(w *world) {
	now := map[string]float64{}
	for name, metric := range map[string]string{"goroutines": "go_goroutines", "descriptors": "process_open_fds", "resident bytes": "process_resident_memory_bytes"} {
		now[name] = w.metrics(metric)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	// Tables without orders: their size must not grow with the number of orders. Generations are few, and each leaves a row or
	// two.
	rows, err := w.pool.Query(ctx, `SELECT relname, pg_total_relation_size(oid)::float8 FROM pg_class
		WHERE relkind = 'r' AND relnamespace = $1::regnamespace AND relname NOT IN ('orders', 'declines', 'outbox')`, w.namespace)
	if err != nil {
		w.t.Errorf("sizes of tables: %v", err)
		return
	}
	defer rows.Close()
	for rows.Next() {
		var table string
		var bytes float64
		if err := rows.Scan(&table, &bytes); err != nil {
			w.t.Errorf("sizes of tables: %v", err)
			return
		}
		now["table "+table] = bytes
	}
	if err := rows.Err(); err != nil {
		w.t.Errorf("sizes of tables: %v", err)
		return
	}
	rows.Close()
	now["events waiting"] = float64(w.number("SELECT count(*) FROM outbox WHERE published_at IS NULL"))
	now["events for an order"] = float64(w.number("SELECT count(*) FROM outbox")) /
		float64(max(1, w.number("SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM declines)")))
	g.samples = append(g.samples, now)
}

// slack is what is allowed beyond twice as much: the change that a run of half a minute shows by chance.
func slack(name string) float64 {
	switch name {
	case "resident bytes":
		return 300 << 20
	case "goroutines", "descriptors":
		return 500
	case "events waiting":
		return 2000
	case "events for an order":
		return 2 // its own, one of the stock, and what operators do
	default:
		return 1 << 20
	}
}

// compare compares the median of the last third with that of the first.
func (g *growth) compare(t *testing.T, r *report) {
	t.Helper()
	third := len(g.samples) / 3
	if third == 0 {
		t.Errorf("%d samples are too few", len(g.samples))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(g.samples[0])) {
		first, last := middle(g.samples[:third], name), middle(g.samples[len(g.samples)-third:], name)
		if name == "resident bytes" || name == "goroutines" || name == "descriptors" {
			r.note("%s", fmt.Sprintf("%s %.0f, at the end %.0f", name, first, last))
		}
		if last > 2*first+slack(name) {
			t.Errorf("%s grew from %.0f to %.0f", name, first, last)
		}
	}
}

// middle is the median of the samples of that name.
func middle(samples []map[string]float64, name string) float64 {
	var values []float64
	for _, one := range samples {
		values = append(values, one[name])
	}
	slices.Sort(values)
	return values[len(values)/2]
}
