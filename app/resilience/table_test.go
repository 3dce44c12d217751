//go:build unix

package resilience

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// results are the records of this run, and of those before it on the same commit.
var results = sync.OnceValues(func() (*records, error) {
	return openRecords(os.Getenv("RESILIENCE_RESULTS"), present())
})

// report is one row of the table while it is made.
type report struct {
	id, fault string
	number    int // of a row that is run many times
	instances int
	took      time.Duration
	pressed   int64 // answers while the fault was on
	hits      int64
	statuses  map[string]int
	figures   []string
}

// recorded runs a row, unless it has passed before on this commit, and writes down the result. The title is the name of the
// test.
func recorded(t *testing.T, title string, r *report, run func(t *testing.T, r *report)) {
	t.Helper()
	past, err := results()
	if err != nil {
		t.Fatal(err)
	}
	t.Run(title, func(t *testing.T) {
		if past.kept(r.id, r.number, r.instances) {
			t.Skip("kept on this commit before; the record is in " + past.dir)
		}
		began, instances := time.Now(), r.instances
		defer func() {
			r.took = time.Since(began)
			if !t.Skipped() {
				r.write(t, past, instances)
			}
		}()
		run(t, r)
	})
}

// write adds the report to the records, under the number of instances that was asked for.
func (r *report) write(t *testing.T, to *records, instances int) {
	t.Helper()
	verdict := kept
	if t.Failed() {
		verdict = failed
	}
	if r.instances != instances {
		r.note("%d instances in the end", r.instances)
	}
	err := to.add(record{Row: r.id, Number: r.number, Fault: r.fault, Instances: instances, Seconds: r.took.Seconds(), Pressed: r.pressed,
		Hits: r.hits, Answers: r.statuses, Figures: r.figures, Verdict: verdict}, present())
	if err != nil {
		t.Error(err)
	}
}

// publish prints the table of every record, and writes it beside them.
func (r *records) publish(now state) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) == 0 {
		return nil
	}
	table := markdown(r.all, now)
	_, err := os.Stdout.WriteString(table)
	if r.dir != "" {
		err = errors.Join(err, os.WriteFile(filepath.Join(r.dir, "table.md"), []byte(table), 0o600))
	}
	return err
}

// line is a row of the table: one record, or all those of a row that is run many times.
type line struct {
	record
	runs, failures int
}

// lines puts the runs of a numbered row together, the figures of those that failed under their numbers.
func lines(all []record) []line {
	var made []line
	for _, one := range all {
		at := slices.IndexFunc(made, func(l line) bool {
			return one.Number > 0 && l.Number > 0 && l.Row == one.Row && l.Instances == one.Instances
		})
		if at < 0 {
			at = len(made)
			made = append(made, line{record: record{Row: one.Row, Number: one.Number, Fault: one.Fault, Instances: one.Instances, Answers: map[string]int{}}})
		}
		made[at].join(one)
	}
	slices.SortStableFunc(made, func(a, b line) int {
		return cmp.Or(strings.Compare(a.Row, b.Row), a.Instances-b.Instances)
	})
	return made
}

func (l *line) join(one record) {
	l.runs++
	l.Seconds += one.Seconds
	l.Pressed += one.Pressed
	l.Hits += one.Hits
	for answer, n := range one.Answers {
		l.Answers[answer] += n
	}
	if one.Verdict != kept {
		l.failures++
	}
	switch {
	case one.Number == 0:
		l.Figures = one.Figures
	case one.Verdict != kept:
		l.Figures = append(l.Figures, fmt.Sprintf("number %d: %s", one.Number, strings.Join(one.Figures, ", ")))
	}
}

// verdict is one word, or how many runs came to which.
func (l *line) verdict() string {
	switch {
	case l.Number == 0 && l.failures == 0:
		return kept
	case l.Number == 0:
		return failed
	case l.failures == 0:
		return fmt.Sprintf("%d %s", l.runs, kept)
	default:
		return fmt.Sprintf("%d %s, %d %s", l.runs-l.failures, kept, l.failures, failed)
	}
}

// markdown is the table, with the commit on which it was measured.
func markdown(all []record, now state) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Commit %s%s.\n\n", now.commit, map[bool]string{true: ", with changes that are not committed"}[now.dirty])
	b.WriteString("| row | fault | instances | | took | answers during | hits | answers | figures |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, l := range lines(all) {
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %.0f s | %d | %d | %s | %s |\n", l.Row, l.Fault, l.Instances, l.verdict(),
			l.Seconds, l.Pressed, l.Hits, counted(l.Answers), strings.Join(l.Figures, "; "))
	}
	return b.String()
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
	names := slices.Collect(maps.Keys(counts))
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
