package datadir_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flashsale/app/embedded/datadir"
)

// put writes files below dir, with their own names as contents unless the map says another.
func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func all(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			found = append(found, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return found
}

// deployment is what servers of every kind leave in a directory.
func deployment() map[string]string {
	return map[string]string{
		"lock": "", "run.json": "{}", "holder.json.new": "",
		"postgres/18/flashsale_password": "x", "postgres/18/PG_VERSION": "18", "postgres/18/base/1": "rows",
		"postgres/server.log": "", "postgres/server.log.old": "", "postgres/guardian.lock": "",
		"postgres/unfinished-1/x": "", "postgres/unfinished-1.password": "x",
		"postgres/server/linux-amd64-18.3.0/bin/postgres": "", "postgres/server/unfinished-2/server.jar": "",
		"kafka/meta.json": `{"cluster_id":"embedded-X"}`, "kafka/partitions/flashsale.claims-0/0.dat": "", "kafka/groups.log": "", "kafka/topics.json": "",
	}
}

func TestWhichDirectoriesAreTaken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files   map[string]string
		foreign bool
		used    bool
	}{
		"an empty one":                                     {},
		"one with a mark":                                  {files: map[string]string{datadir.Mark: "", "lock": "", "notes.txt": ""}, used: true},
		"one that is being made":                           {files: map[string]string{"lock": "", "holder.json": ""}, used: true},
		"one of a version without a mark":                  {files: deployment(), used: true},
		"the root of a file system":                        {files: map[string]string{"lost+found/x": ""}},
		"a home":                                           {files: map[string]string{".bashrc": ""}, foreign: true},
		"a home with a lock":                               {files: map[string]string{".bashrc": "", "lock": ""}, foreign: true},
		"a home with somebody's clusters":                  {files: map[string]string{"notes": "", "lock": "", "postgres/16/PG_VERSION": "16", "kafka/meta.json": `{"cluster_id":"x"}`}, foreign: true},
		"a home in which a version without a mark started": {files: map[string]string{"notes": "", "lock": "", "postgres/16/flashsale_password": "x"}, used: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			put(t, dir, c.files)
			before := all(t, dir)
			if err := datadir.Check(dir); errors.Is(err, datadir.ErrForeign) != c.foreign || !c.foreign && err != nil {
				t.Errorf("the check says %v", err)
			}
			if datadir.Used(dir) != c.used {
				t.Errorf("a deployment is in it: %v", !c.used)
			}
			if after := all(t, dir); !slices.Equal(before, after) {
				t.Errorf("looking left %v", after)
			}
		})
	}
	for _, dir := range []string{"/", "/usr"} {
		if err := datadir.Check(dir); !errors.Is(err, datadir.ErrForeign) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if err := datadir.Check(filepath.Join(t.TempDir(), "nothing")); err != nil {
		t.Errorf("one that does not exist: %v", err)
	}
}

func TestTheMarkIsForDirectoriesOfOurOwn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		mark  bool
	}{
		"new":                       {map[string]string{"lock": "", "holder.json": ""}, true},
		"of a version without mark": {deployment(), true},
		"of others too":             {map[string]string{"notes": "", "lock": "", "kafka/meta.json": `{"cluster_id":"embedded-X"}`}, false},
	} {
		dir := t.TempDir()
		put(t, dir, c.files)
		if err := datadir.Take(dir); err != nil {
			t.Fatal(err)
		}
		if marked := slices.Contains(all(t, dir), datadir.Mark); marked != c.mark {
			t.Errorf("%s: it has a mark: %v", name, marked)
		}
	}
}

func TestOnlyWhatTheProductMadeIsRemoved(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	others := map[string]string{
		".bashrc": "", "photos/1": "", "postgres/16/PG_VERSION": "16", "postgres/dump.sql": "", "postgres/old/flashsale_password": "",
		"postgres/server/mine": "", "kafka/bin/kafka-topics.sh": "", "kafka/config/server.properties": "",
	}
	put(t, dir, deployment())
	put(t, dir, others)
	put(t, elsewhere, map[string]string{"kept": ""})
	if err := os.Symlink(elsewhere, filepath.Join(dir, "postgres/18/link")); err != nil {
		t.Fatal(err)
	}
	left, err := datadir.Remove(t.Context(), dir)
	if err != nil || !slices.Equal(left, []string{".bashrc", "kafka", "photos", "postgres"}) {
		t.Errorf("left %v (%v)", left, err)
	}
	want := []string{"lock"}
	for name := range others {
		want = append(want, name)
	}
	slices.Sort(want)
	if after := all(t, dir); !slices.Equal(after, want) {
		t.Errorf("there is\n%v, want\n%v", after, want)
	}
	if after := all(t, elsewhere); len(after) != 1 {
		t.Errorf("what a link leads to: %v", after)
	}
}

// The data may lie on another disk, which a link leads to. It is not ours to follow, and "removed" would be untrue.
func TestNothingIsRemovedWhenALinkStandsForOurData(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	put(t, elsewhere, map[string]string{"18/flashsale_password": ""})
	put(t, dir, map[string]string{"lock": "", "kafka/meta.json": ""})
	if err := os.Symlink(elsewhere, filepath.Join(dir, "postgres")); err != nil {
		t.Fatal(err)
	}
	if _, err := datadir.Remove(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "symbolic link; nothing was removed") {
		t.Errorf("%v", err)
	}
	if len(all(t, elsewhere)) != 1 || !slices.Contains(all(t, dir), "kafka/meta.json") {
		t.Error("something was removed")
	}
}

func TestADirectoryGoesOnlyWhenItIsEmpty(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "data")
	put(t, empty, map[string]string{datadir.Mark: ""})
	shared := t.TempDir()
	put(t, shared, map[string]string{datadir.Mark: "", "notes": ""})
	behind := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(behind, link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{empty, shared, link, filepath.Join(empty, "nothing")} {
		if err := errors.Join(datadir.Unmark(dir), datadir.RemoveEmpty(dir)); err != nil {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if _, err := os.Stat(empty); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the empty one is there (%v)", err)
	}
	if !slices.Equal(all(t, shared), []string{datadir.Mark, "notes"}) {
		t.Errorf("the other holds %v", all(t, shared))
	}
	if _, err := os.Stat(link); err != nil {
		t.Errorf("the link leads nowhere: %v", err)
	}
}

// The removal that is asked to stop waits for no guardian.
func TestARemovalEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	put(t, dir, deployment())
	if _, err := datadir.Remove(ctx, dir); err == nil {
		t.Error("it removed all the same")
	}
}
