//go:build unix

package resilience

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// receiptHistory is every answer of a schedule with several generations: a shopper may have a receipt of each.
type receiptHistory struct {
	history  *history
	judged   int
	answers  []timedAnswer
	shoppers *shoppers
}

func newReceiptHistory(s *shoppers, h *history) *receiptHistory {
	b := &receiptHistory{history: h, shoppers: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observe = func(one timedAnswer) { b.answers = append(b.answers, one) }
	return b
}

// ordered is what Postgres has of a receipt.
type ordered struct {
	name       string
	generation int64
}

// judge compares every answer that was not judged before with Postgres: each receipt is there, belongs to its shopper, and is
// of a generation that was on sale between the request and the answer; and each refusal was true.
func (m *mix) judge(t *testing.T, b *receiptHistory) {
	t.Helper()
	b.history.awaitMoment(t)
	b.shoppers.mu.Lock()
	answers, verdicts := slices.Clone(b.answers[b.judged:]), maps.Clone(b.shoppers.verdicts)
	b.judged = len(b.answers)
	b.shoppers.mu.Unlock()
	asked := slices.Clone(answers)
	for claim := range verdicts {
		asked = append(asked, timedAnswer{answer: answer{Receipt: claim}}) // an order's id is its claim's
	}
	orders, err := m.ordersByID(asked)
	if err != nil {
		t.Fatal(err)
	}
	wrong := b.history.wrong(answers, orders)
	for claim, verdict := range verdicts {
		order, there := orders[claim]
		if bought := verdict.State == "ordered"; bought != there || bought && !strings.EqualFold(order.name, verdict.Name) {
			wrong = append(wrong, fmt.Sprintf("the 202 of claim %s came to %s %q for %q; in Postgres it is %q's",
				claim, verdict.outcome(), verdict.State, verdict.Name, order.name))
		}
	}
	if impossible := b.history.impossible(); impossible != "" {
		t.Error(impossible)
	}
	if len(wrong) > 0 {
		t.Errorf("%d answers were not true:\n%s", len(wrong), strings.Join(wrong[:min(8, len(wrong))], "\n"))
	}
}

// wrong lists what was answered and is not so, by the orders and by what the ledger had at the time.
func (h *history) wrong(answers []timedAnswer, orders map[string]ordered) (wrong []string) {
	for _, a := range answers {
		if a.Receipt == "" {
			if untrue := h.untrue(a); untrue != "" {
				wrong = append(wrong, untrue)
			}
			continue
		}
		order, there := orders[a.Receipt]
		if !there || !strings.EqualFold(order.name, a.name) {
			wrong = append(wrong, fmt.Sprintf("%s was answered %d with receipt %s, which in Postgres is %q's", a.name, a.Status, a.Receipt, order.name))
			continue
		}
		seen := h.around(a.began.Add(-lease), a.ended)
		if first, last := seen[0].generation, seen[len(seen)-1].generation; order.generation < first || order.generation > last {
			wrong = append(wrong, fmt.Sprintf("%s was answered %d with a receipt of generation %d while generations %d to %d were on sale",
				a.name, a.Status, order.generation, first, last))
		}
	}
	return wrong
}

// ordersByID is the live orders of these answers, of every generation.
func (w *world) ordersByID(answers []timedAnswer) (map[string]ordered, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var ids []string
	for _, a := range answers {
		if a.Receipt != "" {
			ids = append(ids, a.Receipt)
		}
	}
	rows, err := w.pool.Query(ctx, "SELECT id::text, username, generation FROM orders WHERE released_at IS NULL AND id = ANY($1::uuid[])", ids)
	if err != nil {
		return nil, fmt.Errorf("read the orders: %w", err)
	}
	defer rows.Close()
	orders := map[string]ordered{}
	for rows.Next() {
		var id string
		var one ordered
		if err := rows.Scan(&id, &one.name, &one.generation); err != nil {
			return nil, fmt.Errorf("read an order: %w", err)
		}
		orders[id] = one
	}
	return orders, rows.Err()
}
