package audit

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/app/embedded/embeddedtest"
)

// written fills a log: n entries of several actors, actions and sales, some of them at the same time.
func written(t *testing.T, pool *pgxpool.Pool, n int) *Log {
	t.Helper()
	if _, err := pool.Exec(t.Context(), `INSERT INTO audit_log (at, actor, network, means, action, subject, detail)
SELECT timestamptz '2026-01-01' + n / 3 * interval '1 second', 'actor ' || n % 5, '192.0.2.1', 'session',
	CASE WHEN n % 7 = 0 THEN 'order.cancel' WHEN n % 2 = 0 THEN 'sale.pause' ELSE 'act.refused' END,
	CASE WHEN n % 7 = 0 THEN 'order ' || n WHEN n % 2 = 0 THEN 'lamp' ELSE 'POST /x' END,
	CASE WHEN n % 7 = 0 THEN jsonb_build_object('sale', 'lamp', 'reason', 'r' || n) ELSE 'null' END
FROM generate_series(1, $1::int) n`, n); err != nil {
		t.Fatal(err)
	}
	return New(pool)
}

func (l *Log) walk(t *testing.T, f Filter, back bool, limit int) (all []Recorded) {
	t.Helper()
	for at := (PageRequest{Back: back, Limit: limit}); ; {
		p, err := l.List(t.Context(), f, at)
		if err != nil || len(p.Entries) > limit {
			t.Fatalf("%d entries, %v", len(p.Entries), err)
		}
		more := p.Older
		if back {
			all, more = append(slices.Clone(p.Entries), all...), p.Newer
		} else {
			all = append(all, p.Entries...)
		}
		if !more {
			return all
		}
		at.Beside = p.Entries[len(p.Entries)-1].Place()
		if back {
			at.Beside = p.Entries[0].Place()
		}
	}
}

func (f *Filter) means(r Recorded) bool {
	sale := r.Subject
	if strings.Contains(string(r.Detail), `"sale"`) {
		sale = "lamp"
	}
	return (f.Actor == "" || f.Actor == r.Actor) && (f.Action == "" || f.Action == r.Action) && (f.Subject == "" || f.Subject == r.Subject) &&
		(f.Sale == "" || f.Sale == sale) && (f.From.IsZero() || !r.At.Before(f.From)) && (f.Until.IsZero() || r.At.Before(f.Until))
}

func TestPagesOfTheLogHaveEveryEntryOnce(t *testing.T) {
	t.Parallel()
	pool, _ := embeddedtest.Postgres(t)
	log := written(t, pool, 100)
	all, err := log.Recent(t.Context(), 1000)
	if err != nil || len(all) != 100 {
		t.Fatalf("%d entries, %v", len(all), err)
	}
	from, until := all[80].At, all[20].At
	for _, f := range []Filter{
		{}, {Actor: "actor 2"}, {Action: "order.cancel"}, {Subject: "order 14"}, {Sale: "lamp"}, {Sale: "none"}, {From: from}, {Until: until},
		{From: from, Until: until}, {Actor: "actor 0", Action: "sale.pause", Sale: "lamp", From: from, Until: until},
	} {
		want := slices.DeleteFunc(slices.Clone(all), func(r Recorded) bool { return !f.means(r) })
		for _, limit := range []int{1, 4, 200} {
			for _, back := range []bool{false, true} {
				got := log.walk(t, f, back, limit)
				same := slices.EqualFunc(got, want, func(a, b Recorded) bool {
					return a.ID == b.ID && string(a.Detail) == string(b.Detail) && a.At.Equal(b.At)
				})
				if !same {
					t.Errorf("%+v, pages of %d, back %v: %d entries, want %d", f, limit, back, len(got), len(want))
				}
			}
		}
		log.eachIs(t, f, want)
	}
}

func (l *Log) eachIs(t *testing.T, f Filter, want []Recorded) {
	t.Helper()
	var ids []int64
	err := pgx.BeginFunc(t.Context(), l.pool, func(tx pgx.Tx) error {
		return l.EachTx(t.Context(), tx, f, 7, func(some []Recorded) error {
			for _, r := range some {
				ids = append([]int64{r.ID}, ids...)
			}
			return nil
		})
	})
	if err != nil || !slices.EqualFunc(want, ids, func(r Recorded, id int64) bool { return r.ID == id }) {
		t.Errorf("%+v: each is %v (%v)", f, ids, err)
	}
}

// Each filter reads the log in the order of the list, and stops when its page is full.
func TestTheLogKnowsWhoHasJustActed(t *testing.T) {
	t.Parallel()
	pool, _ := embeddedtest.Postgres(t)
	l := written(t, pool, 20) // all of them long ago
	if _, err := pool.Exec(t.Context(), `INSERT INTO audit_log (actor, action, subject, at) VALUES
		('olga', 'sale.pause', 'lamp', clock_timestamp() - interval '1 hour'), ('olga', 'sale.resume', 'lamp', clock_timestamp() - interval '20 seconds')`); err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct {
		who    string
		within time.Duration
		want   bool
	}{{"olga", 10 * time.Second, false}, {"olga", 10 * time.Minute, true}, {"actor 1", 10 * time.Minute, false}, {"nobody", time.Hour, false}} {
		if acted, err := l.ActedWithin(t.Context(), one.who, one.within); err != nil || acted != one.want {
			t.Errorf("%s within %v: %v, %v", one.who, one.within, acted, err)
		}
	}
}

func TestAPageOfTheLogIsReadByAnIndex(t *testing.T) {
	t.Parallel()
	pool, _ := embeddedtest.Postgres(t)
	written(t, pool, 20_000)
	day := time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC)
	for _, analyze := range []string{`SELECT`, `ANALYZE audit_log`} {
		if _, err := pool.Exec(context.Background(), analyze); err != nil {
			t.Fatal(err)
		}
		for _, f := range []Filter{{}, {Actor: "actor 2"}, {Action: "order.cancel"}, {Subject: "order 14"}, {Sale: "lamp"}, {From: day}, {Until: day}} {
			for _, at := range []PageRequest{{}, {Back: true}, {Beside: Place{At: day, ID: 7}}} {
				sql, args := f.statement(at, 51)
				if err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
					if _, err := tx.Exec(t.Context(), sqlFollowIndexes); err != nil {
						return err
					}
					if plan := embeddedtest.Plan(t, tx, "EXPLAIN "+sql, args...); !strings.Contains(plan, "Index Scan") || strings.Contains(plan, "Sort") {
						t.Errorf("%s, %+v %+v:\n%s", analyze, f, at, plan)
					}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
