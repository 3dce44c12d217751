//go:build unix

package resilience

import (
	"path/filepath"
	"slices"
	"testing"
)

// TestEveryPointHasItsTurn: no point is drawn a second time before each was drawn once, and the same seed draws the same kills.
func TestEveryPointHasItsTurn(t *testing.T) {
	t.Setenv("RESILIENCE_POINT", "")
	all := len(points())
	for turn := range 3 {
		met := map[string]bool{}
		for n := range all {
			p, d := draw(17, turn*all+n)
			met[p.name] = true
			if _, again := draw(17, turn*all+n); *again != *d || d.Passes > p.most {
				t.Errorf("kill %d is %v and then %v", d.Kill, d, again)
			}
		}
		if len(met) != all {
			t.Errorf("turn %d met %d of %d points", turn, len(met), all)
		}
	}
	first := func(seed uint64) (names []string) {
		for n := range all {
			p, _ := draw(seed, n)
			names = append(names, p.name)
		}
		return names
	}
	if slices.Equal(first(17), first(18)) {
		t.Error("two seeds draw the same points")
	}
}

// TestKillsAreDoneOnce: a run goes on where the last one of the same commit and seed stopped, and nowhere else.
func TestKillsAreDoneOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results", "kills.jsonl")
	open := func(commit string, seed uint64) *register {
		r := &register{file: file, commit: commit, seed: seed, done: map[int]*drawnKill{}}
		if err := r.read(); err != nil {
			t.Fatal(err)
		}
		return r
	}
	if err := open("c1", 5).add([]*drawnKill{{Seed: 5, Kill: 0, Point: "appendDue"}, {Seed: 5, Kill: 2, Point: "answerDue"}}); err != nil {
		t.Fatal(err)
	}
	if left := open("c1", 5).missing(4); !slices.Equal(left, []int{1, 3}) {
		t.Errorf("missing are %v", left)
	}
	for _, other := range []*register{open("c2", 5), open("c1", 6)} {
		if left := other.missing(4); len(left) != 4 {
			t.Errorf("commit %s and seed %d: missing are %v", other.commit, other.seed, left)
		}
	}
	if err := open("c1+", 5).add([]*drawnKill{{Seed: 5, Kill: 1}}); err != nil {
		t.Fatal(err)
	}
	if left := open("c1+", 5).missing(4); len(left) != 4 {
		t.Errorf("what was done on a changed tree is not done again: missing are %v", left)
	}
}
