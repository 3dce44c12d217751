package app

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// write makes a file of somebody else's.
func write(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// DATA_DIR is a directory of somebody else's: neither a start nor a wipe, nor any other command, changes anything there.
func TestADirectoryOfOthersIsNeitherUsedNorRemoved(t *testing.T) {
	t.Parallel()
	home := newPlace(t)
	home.env = append(home.env, "DATA_DIR="+home.dir)
	here := newPlace(t, "DATA_DIR=.")
	for _, p := range []place{home, here} {
		write(t, filepath.Join(p.dir, "notes.txt"))
		write(t, filepath.Join(p.dir, "kafka", "config", "server.properties"))
		before := entries(t, p.dir)
		for _, c := range []struct{ args, says string }{
			{"reset --wipe --yes", "nothing was removed"}, {"serve", "was not made by flashsale and holds other things"}, {"migrate", "was not made by flashsale"},
			{"verify", "There is no deployment at " + p.dir}, {"seed 5", "There is no deployment at " + p.dir},
		} {
			code, said := p.run(t, "", strings.Fields(c.args)...)
			if code != 1 || !strings.Contains(said, c.says) || strings.Count(said, "\n") != 1 {
				t.Errorf("flashsale %s: exit %d, %q; want 1 and one line with %q", c.args, code, said, c.says)
			}
			if after := entries(t, p.dir); !slices.Equal(before, after) {
				t.Fatalf("flashsale %s changed the directory: %v", c.args, after)
			}
		}
	}
}

// A version that left no mark was started with DATA_DIR=$HOME: its deployment goes, and nothing else.
func TestAWipeInAHomeLeavesEverythingElse(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.env = append(p.env, "DATA_DIR="+p.dir)
	if code, said := p.run(t, "", "migrate"); code != 0 {
		t.Fatalf("exit %d: %s", code, said)
	}
	if code, said := p.run(t, "", "seed", "5"); code != 0 {
		t.Fatalf("exit %d: %s", code, said)
	}
	if err := os.Remove(filepath.Join(p.dir, "made-by-flashsale")); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	others := []string{"kafka", "kafka/bin", "kafka/bin/kafka-topics.sh", "notes.txt"}
	write(t, filepath.Join(p.dir, "notes.txt"))
	write(t, filepath.Join(p.dir, "kafka/bin/kafka-topics.sh"))
	code, said := p.run(t, "wipe\n", "reset", "--wipe")
	if code != 0 || !strings.Contains(said, "This removes every sale, order and shopper and the claims log in "+p.dir) ||
		!strings.Contains(said, "left in "+p.dir+", because flashsale did not make it: kafka, notes.txt") {
		t.Errorf("exit %d: %s", code, said)
	}
	if after := entries(t, p.dir); !slices.Equal(after, others) {
		t.Errorf("left are %v, want %v", after, others)
	}
}

// The whole life of a deployment: a wipe leaves neither a file nor the directory.
func TestAWipeLeavesNothingOfItsOwn(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := p.serve(t)
	s.buy(t, "john_doe")
	if code, said := p.run(t, "", "reset", "--wipe", "--yes"); code != 1 || !strings.Contains(said, "nothing was removed: data directory in use") {
		t.Errorf("beside a running instance: exit %d: %s", code, said)
	}
	if !s.answers() {
		t.Error("the instance is gone")
	}
	if err := s.cmd.Process.Kill(); err != nil { // its guardian stops the database while the wipe begins
		t.Fatal(err)
	}
	_ = s.end(t)
	if code, said := p.run(t, "", "reset", "--wipe", "--yes"); code != 0 {
		t.Errorf("exit %d: %s", code, said)
	}
	if left := entries(t, p.dir); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
}
