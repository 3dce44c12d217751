package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An archive writes nothing outside the directory that it is unpacked into, and makes no link there.
func TestAnArchiveStaysInItsDirectory(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]tar.Header{
		"a name that leads out": {Name: "../out", Typeflag: tar.TypeReg, Size: 1},
		"an absolute name":      {Name: "/tmp/flashsale-out", Typeflag: tar.TypeReg, Size: 1},
		"a link":                {Name: "link", Linkname: "/etc", Typeflag: tar.TypeSymlink},
	} {
		var packed bytes.Buffer
		w := tar.NewWriter(&packed)
		if err := w.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if header.Size > 0 {
			if _, err := w.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		above := t.TempDir()
		into := filepath.Join(above, "in")
		if err := os.Mkdir(into, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := unpack(t.Context(), &packed, into); err == nil {
			t.Errorf("%s is unpacked", name)
		}
		if left, err := os.ReadDir(above); err != nil || len(left) != 1 {
			t.Errorf("%s left %v (%v)", name, left, err)
		}
	}
}

// What a log's files hold when the copy begins is copied, and a copy ends with its context.
func TestALogIsCopiedFileByFile(t *testing.T) {
	t.Parallel()
	from, into := t.TempDir(), t.TempDir()
	files := map[string]string{"meta.json": "{}", "partitions/x-0/0.dat": strings.Repeat("r", 70_000), "partitions/x-0/0.idx": "i"}
	for name, text := range files {
		path := filepath.Join(from, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(from, "topics.json.tmp"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var read int
	if err := copyLog(t.Context(), from, into, func(n int) { read += n }); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		info, err := os.Stat(filepath.Join(into, name))
		got, _ := os.ReadFile(filepath.Join(into, name))
		if err != nil || string(got) != text || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %d bytes, %v (%v)", name, len(got), info.Mode(), err)
		}
	}
	if _, err := os.Stat(filepath.Join(into, "topics.json.tmp")); err == nil || read < 70_000 {
		t.Errorf("%d bytes were counted; the unfinished file: %v", read, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := copyLog(ctx, from, t.TempDir(), func(int) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("it goes on: %v", err)
	}
}

func TestManifestsThatAreNotUnderstoodAreRefused(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		`{`:                                   "is damaged",
		`{"format":2,"program":"v9"}`:         "was made by a newer version of this program (v9)",
		`{"format":1}`:                        "names no database",
		`{"format":1,"files":[{"name":"x"}]}`: "names no database",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, manifestFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
	m := Manifest{Files: []File{{Name: "../x"}}}
	if err := Check(t.Context(), t.TempDir(), m, func(string, int64, int64) {}); !errors.Is(err, ErrIncomplete) {
		t.Errorf("a name that leads out: %v", err)
	}
	for version, want := range map[string]int{"15.18": 15, "19beta1": 19, "": 0, "x": 0} {
		if got, err := major(version); got != want || (want == 0) != (err != nil) {
			t.Errorf("%q: %d, %v", version, got, err)
		}
	}
}
