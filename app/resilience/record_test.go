//go:build unix

package resilience

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// record is the result of one test, and the state of the code it was run on. It is one line of records.jsonl in the directory
// that RESILIENCE_RESULTS names. A test that has passed on the present commit is not run again, so that a long run can be done
// in pieces; one that failed, or was run on a tree with changes in it, is.
type record struct {
	// Row names the row of the matrix; Number tells the runs of one that has many, from 1 on.
	Row       string         `json:"row"`
	Number    int            `json:"number,omitempty"`
	Fault     string         `json:"fault"`
	Instances int            `json:"instances"`
	Commit    string         `json:"commit"`
	Dirty     bool           `json:"dirty"`
	At        time.Time      `json:"at"`
	Seconds   float64        `json:"seconds"`
	Pressed   int64          `json:"pressed"` // answers while the fault was on
	Hits      int64          `json:"hits"`
	Answers   map[string]int `json:"answers,omitempty"`
	Figures   []string       `json:"figures,omitempty"`
	Verdict   string         `json:"verdict"`
}

const (
	kept   = "kept"
	failed = "FAILED"
)

// same is true when both are runs of the same thing: the later one counts.
func (r record) same(other record) bool {
	return r.Row == other.Row && r.Number == other.Number && r.Instances == other.Instances
}

// state is the code under test.
type state struct {
	commit string
	dirty  bool
}

// present is the state of the tree that the tests were built from.
var present = sync.OnceValue(func() state {
	head, err := exec.Command("git", "rev-parse", "HEAD").Output()
	if err != nil {
		return state{commit: "unknown", dirty: true}
	}
	changes, err := exec.Command("git", "status", "--porcelain").Output()
	return state{commit: strings.TrimSpace(string(head)), dirty: err != nil || len(bytes.TrimSpace(changes)) > 0}
})

// records are the lines of one directory, and those of this run.
type records struct {
	mu  sync.Mutex
	dir string // empty: nothing outlives the run
	all []record
}

// openRecords reads the records in the directory that belong to this state of the code.
func openRecords(dir string, now state) (*records, error) {
	r := &records{dir: dir}
	if dir == "" {
		return r, nil
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return r, fmt.Errorf("results: %w", err)
	}
	raw, err := os.ReadFile(r.file())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("results: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var one record
		if json.Unmarshal(lines.Bytes(), &one) != nil {
			continue // the last line of a run that was killed
		}
		if one.Commit == now.commit && !one.Dirty && !now.dirty {
			r.replace(one)
		}
	}
	return r, lines.Err()
}

func (r *records) file() string { return filepath.Join(r.dir, "records.jsonl") }

func (r *records) replace(one record) {
	for i := range r.all {
		if r.all[i].same(one) {
			r.all[i] = one
			return
		}
	}
	r.all = append(r.all, one)
}

// kept says whether this was run before, on this commit, and passed.
func (r *records) kept(row string, number, instances int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.all {
		if one.same(record{Row: row, Number: number, Instances: instances}) {
			return one.Verdict == kept
		}
	}
	return false
}

// add stamps the record with the state of the code and writes it down.
func (r *records) add(one record, now state) error {
	one.Commit, one.Dirty, one.At = now.commit, now.dirty, time.Now().UTC()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.replace(one)
	if r.dir == "" {
		return nil
	}
	line, err := json.Marshal(one)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	f, err := os.OpenFile(r.file(), os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	_, err = f.Write(append(whole(f), append(line, '\n')...))
	return errors.Join(err, f.Close())
}

// whole ends a line that a killed run left unfinished.
func whole(f *os.File) []byte {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return nil
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, info.Size()-1); err != nil || last[0] == '\n' {
		return nil
	}
	return []byte{'\n'}
}
