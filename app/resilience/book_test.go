//go:build unix

package resilience

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// book is every answer of a schedule in which generations come and go: a shopper may have a receipt of each.
type book struct {
	history  *history
	judged   int
	heard    []heard
	shoppers *shoppers
}

func newBook(s *shoppers, h *history) *book {
	b := &book{history: h, shoppers: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = func(one heard) { b.heard = append(b.heard, one) }
	return b
}

// ordered is what Postgres has of a receipt.
type ordered struct {
	name       string
	generation int64
}

// judge holds every answer that was not judged before against Postgres: each receipt is there, its shopper's, and of
// a generation that was the present one while it was asked for; and each refusal was true.
func (m *mix) judge(t *testing.T, b *book) {
	t.Helper()
	b.history.awaitGlance(t)
	orders := m.ordersByID(t)
	var wrong []string
	b.shoppers.mu.Lock()
	answers := slices.Clone(b.heard[b.judged:])
	b.judged = len(b.heard)
	b.shoppers.mu.Unlock()
	for _, a := range answers {
		if a.Receipt == "" {
			if untrue := b.history.untrue(a); untrue != "" {
				wrong = append(wrong, untrue)
			}
			continue
		}
		order, there := orders[a.Receipt]
		if !there || !strings.EqualFold(order.name, a.name) {
			wrong = append(wrong, fmt.Sprintf("%s was answered %d with receipt %s, which in Postgres is %q's", a.name, a.Status, a.Receipt, order.name))
			continue
		}
		seen := b.history.around(a.began.Add(-lease), a.ended)
		if first, last := seen[0].generation, seen[len(seen)-1].generation; order.generation < first || order.generation > last {
			wrong = append(wrong, fmt.Sprintf("%s was answered %d with a receipt of generation %d while generations %d to %d were on sale", a.name, a.Status, order.generation, first, last))
		}
	}
	m.shoppers.mu.Lock()
	defer m.shoppers.mu.Unlock()
	for claim, verdict := range m.shoppers.verdicts {
		order, there := orders[claim]
		if bought := verdict.State == "ordered"; bought != there || bought && !strings.EqualFold(order.name, verdict.Name) {
			wrong = append(wrong, fmt.Sprintf("a 202 for claim %s came to %q for %q; Postgres has it for %q", claim, verdict.outcome()+" "+verdict.State, verdict.Name, order.name))
		}
	}
	if len(wrong) > 0 {
		t.Errorf("%d answers were not true:\n%s", len(wrong), strings.Join(wrong[:min(8, len(wrong))], "\n"))
	}
}

// ordersByID is every live order of every generation.
func (w *world) ordersByID(t *testing.T) map[string]ordered {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	rows, err := w.pool.Query(ctx, "SELECT id::text, username, generation FROM orders WHERE released_at IS NULL")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	orders := map[string]ordered{}
	for rows.Next() {
		var id string
		var one ordered
		if err := rows.Scan(&id, &one.name, &one.generation); err != nil {
			t.Fatal(err)
		}
		orders[id] = one
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return orders
}
