//go:build unix

package resilience

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// rows collects what the rows measured.
var rows table

type table struct {
	mu   sync.Mutex
	done []*report
}

// report is one row of the table.
type report struct {
	id, fault string
	instances int
	verdict   string
	took      time.Duration
	pressed   int64 // answers while the fault was on
	hits      int64
	statuses  string
	figures   []string
}

func (r *table) add(one *report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = append(r.done, one)
}

// publish prints the table, and writes it where RESILIENCE_TABLE says.
func (r *table) publish() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.done) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString("| row | fault | instances | | took | answers during | hits | answers | figures |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, one := range r.done {
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %.0f s | %d | %d | %s | %s |\n", one.id, one.fault, one.instances, one.verdict,
			one.took.Seconds(), one.pressed, one.hits, one.statuses, strings.Join(one.figures, "; "))
	}
	_, err := os.Stdout.WriteString(b.String())
	if file := os.Getenv("RESILIENCE_TABLE"); file != "" {
		err = errors.Join(err, os.WriteFile(file, []byte(b.String()), 0o600))
	}
	return err
}

// within notes how long something took against its bound. It fails the row at ten times the bound only.
func (r *report) within(t *testing.T, what string, got, bound time.Duration) {
	t.Helper()
	r.figures = append(r.figures, fmt.Sprintf("%s %v (bound %v)", what, got.Round(time.Millisecond), bound))
	if got > 10*bound {
		t.Errorf("%s took %v, more than ten times its bound of %v", what, got, bound)
	}
}

func (r *report) note(format string, args ...any) {
	r.figures = append(r.figures, fmt.Sprintf(format, args...))
}

// counted writes numbers by name, the largest first.
func counted(counts map[string]int) string {
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s: %d", name, counts[name])
	}
	return strings.Join(names, ", ")
}
