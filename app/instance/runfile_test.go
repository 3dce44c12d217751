package instance

import (
	"os"
	"testing"
)

// The run file has passwords in it. One that is there, readable by all, does not lend it its mode.
func TestTheRunFileIsItsOwnersOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(runFilePath(dir), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeRunFile(dir, runFile{PID: 7, DatabaseURL: "postgres://u:p@127.0.0.1/x"}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(runFilePath(dir))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v is left (%v)", entries, err)
	}
	if back, found, err := readRunFile(dir); err != nil || !found || back.PID != 7 {
		t.Errorf("%+v %v %v", back, found, err)
	}
}
