//go:build unix

package resilience

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

// act does an operator's act. Under faults it may be refused, with a problem that says why.
func (m *mix) act(t *testing.T, s scheduleStep) (end func()) {
	send := func(path, body string) {
		base := m.anywhere()
		m.actions.Go(func() {
			a := m.shoppers.send(context.Background(), http.MethodPost, base+path, body)
			switch outcome := a.outcome(); outcome {
			case "200":
				m.promise(a)
			case "409 busy", "409 wrong-state", "409 below-sold", "503 unavailable", "refused", "reset":
			default:
				t.Errorf("an operator's %s %s is answered %s %s", path, body, outcome, a.Raw)
			}
		})
	}
	switch s.What {
	case resets:
		send("/api/flash-sale/reset", `{"resetToSmallStock":false}`)
	case presets:
		send("/api/flash-sale/stock-preset/medium", "")
	case resizes:
		send("/api/flash-sale/update-stock", fmt.Sprintf(`{"stockAmount":%d}`, s.N))
	default:
		send("/api/admin/pause", "")
		return func() { send("/api/admin/resume", "") }
	}
	return func() {}
}

// promise notes the generation that an operator was told to have begun.
func (m *mix) promise(a answer) {
	var begun struct{ Generation int64 }
	if json.Unmarshal([]byte(a.Raw), &begun) != nil || begun.Generation == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.begun = append(m.begun, begun.Generation)
}

// generationsBegun checks that every generation an operator was told of is there, and is of one operator alone.
func (m *mix) generationsBegun(t *testing.T) {
	t.Helper()
	slices.Sort(m.begun)
	if several := slices.Compact(slices.Clone(m.begun)); len(several) != len(m.begun) {
		t.Errorf("operators were told that they began generations %v", m.begun)
	}
	there := m.number("SELECT count(*) FROM generations WHERE generation = ANY($1)", m.begun)
	if there != int64(len(m.begun)) {
		t.Errorf("of generations %v, which operators began, %d are there", m.begun, there)
	}
	m.begun = nil
}

// resumed makes sure that the sale is not paused.
func (m *mix) resumed() {
	m.t.Helper()
	m.eventually(30*time.Second, "the sale goes on", func() bool {
		a := m.shoppers.send(context.Background(), http.MethodPost, m.anywhere()+"/api/admin/resume", "")
		return a.Status == http.StatusOK || a.outcome() == "409 wrong-state"
	})
}
