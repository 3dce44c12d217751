//go:build unix

package resilience

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A test that has passed on this commit is not run again. One that failed, that passed on another commit, or that passed on a
// tree with changes, is.
func TestRecordsOutliveTheRun(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "results")
	now := state{commit: "c1"}
	first := mustOpen(t, dir, now)
	for _, one := range []record{
		{Row: "R1", Instances: 1, Verdict: kept},
		{Row: "R1", Instances: 3, Verdict: failed},
		{Row: "X1", Number: 7, Instances: 3, Verdict: kept},
	} {
		if err := first.add(one, now); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.add(record{Row: "R2", Instances: 1, Verdict: kept}, state{commit: "c1", dirty: true}); err != nil {
		t.Fatal(err)
	}
	unfinished(t, first.file())

	again := mustOpen(t, dir, now)
	for _, one := range []struct {
		row               string
		number, instances int
		want              bool
	}{{"R1", 0, 1, true}, {"R1", 0, 3, false}, {"X1", 7, 3, true}, {"X1", 8, 3, false}, {"X1", 7, 1, false}, {"R2", 0, 1, false}} {
		if got := again.kept(one.row, one.number, one.instances); got != one.want {
			t.Errorf("%s %d with %d instances: kept before is %v", one.row, one.number, one.instances, got)
		}
	}
	if mustOpen(t, dir, state{commit: "c2"}).kept("R1", 0, 1) || mustOpen(t, dir, state{commit: "c1", dirty: true}).kept("R1", 0, 1) {
		t.Error("another state of the code counts as this one")
	}
	if err := again.add(record{Row: "R1", Instances: 3, Verdict: kept}, now); err != nil {
		t.Fatal(err)
	}
	if !mustOpen(t, dir, now).kept("R1", 0, 3) {
		t.Error("the later record of a row does not count, or is lost behind an unfinished line")
	}
}

func mustOpen(t *testing.T, dir string, now state) *records {
	t.Helper()
	r, err := openRecords(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// unfinished writes what a run leaves that is killed while it writes.
func unfinished(t *testing.T, file string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"row":"R3","inst`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestTableSumsTheRunsOfARow(t *testing.T) {
	t.Parallel()
	table := markdown([]record{
		{Row: "X1", Number: 1, Instances: 3, Fault: "mixes", Seconds: 4, Pressed: 10, Hits: 2, Answers: map[string]int{"201": 5}, Figures: []string{"quick"}, Verdict: kept},
		{Row: "R1", Instances: 1, Fault: "Redis refuses", Seconds: 1, Answers: map[string]int{"200": 1}, Figures: []string{"breaker 20ms"}, Verdict: kept},
		{Row: "X1", Number: 2, Instances: 3, Fault: "mixes", Seconds: 5, Pressed: 20, Hits: 3, Answers: map[string]int{"201": 6, "202": 1}, Figures: []string{"lost"}, Verdict: failed},
	}, state{commit: "c1", dirty: true})
	for _, want := range []string{
		"Commit c1, with changes that are not committed.",
		"| R1 | Redis refuses | 1 | kept | 1 s | 0 | 0 | 200: 1 | breaker 20ms |\n| X1 |",
		"| X1 | mixes | 3 | 1 kept, 1 FAILED | 9 s | 30 | 5 | 201: 11, 202: 1 | number 2: lost |",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
}
