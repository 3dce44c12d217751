//go:build unix

package resilience

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// register is the list of the kills of a run. When RESILIENCE_RESULTS names a directory it is kept there, one line for each
// kill, and a run of the same commit and seed goes on where the last one stopped.
type register struct {
	file   string
	commit string
	seed   uint64

	mu   sync.Mutex
	done map[int]*drawnKill
}

func openRegister(t *testing.T) *register {
	t.Helper()
	now := present()
	r := &register{commit: now.commit, done: map[int]*drawnKill{}, seed: numbered(t, "RESILIENCE_SEED", seedOf(now))}
	if now.dirty {
		r.commit += "+"
	}
	if dir := os.Getenv("RESILIENCE_RESULTS"); dir != "" {
		r.file = filepath.Join(dir, "kills.jsonl")
		if err := r.read(); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// read reads the kills done on this commit with this seed. Kills done on a tree with changes in it are done again.
func (r *register) read() error {
	text, err := os.ReadFile(r.file)
	if errors.Is(err, os.ErrNotExist) {
		return os.MkdirAll(filepath.Dir(r.file), 0o750)
	}
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		var d drawnKill
		if json.Unmarshal(lines.Bytes(), &d) == nil && d.Commit == r.commit && d.Seed == r.seed && !strings.HasSuffix(d.Commit, "+") {
			r.done[d.Kill] = &d
		}
	}
	return lines.Err()
}

// missing are the kills that are still to be done.
func (r *register) missing(kills int) []int {
	var left []int
	for n := range kills {
		if r.done[n] == nil {
			left = append(left, n)
		}
	}
	return left
}

// add writes down kills after which every check passed.
func (r *register) add(kills []*drawnKill) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var text bytes.Buffer
	for _, d := range kills {
		d.Commit = r.commit
		r.done[d.Kill] = d
		if err := json.NewEncoder(&text).Encode(d); err != nil {
			return err
		}
	}
	if r.file == "" {
		return nil
	}
	out, err := os.OpenFile(r.file, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	_, err = out.Write(append(whole(out), text.Bytes()...))
	return errors.Join(err, out.Close())
}

// table counts the kills of each point.
func (r *register) table() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	by := map[string][]*drawnKill{}
	for _, d := range r.done {
		by[d.Point] = append(by[d.Point], d)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, commit %s, %d kills\n\n", r.seed, r.commit, len(r.done))
	b.WriteString("| point | kills | in flight, least | reached after, median ms | back after, median ms |\n|---|---|---|---|---|\n")
	for _, p := range points() {
		if at := by[p.name]; len(at) > 0 {
			fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", p.name, len(at), slices.MinFunc(at, func(x, y *drawnKill) int { return int(x.InFlight - y.InFlight) }).InFlight,
				median(at, func(d *drawnKill) int64 { return d.Reached }), median(at, func(d *drawnKill) int64 { return d.Back }))
		}
	}
	return b.String()
}

func median(all []*drawnKill, of func(*drawnKill) int64) int64 {
	var values []int64
	for _, d := range all {
		values = append(values, of(d))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
