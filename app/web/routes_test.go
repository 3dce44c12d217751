package web

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
)

// A change of who may use a route shows in a file, so that a review sees it also when the line of the table looks harmless.
// ROUTES=write in the environment writes the file anew.
func TestWhoMayUseEachRouteIsReviewed(t *testing.T) {
	t.Parallel()
	const file = "testdata/routes.txt"
	var now bytes.Buffer
	if err := PrintRoutes(&now); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("ROUTES") == "write" {
		if err := os.WriteFile(file, now.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	is, was := strings.Split(now.String(), "\n"), strings.Split(string(before), "\n")
	for _, line := range was {
		if !slices.Contains(is, line) {
			t.Errorf("was: %s", line)
		}
	}
	for _, line := range is {
		if !slices.Contains(was, line) {
			t.Errorf("is:  %s", line)
		}
	}
	if !t.Failed() && !slices.Equal(is, was) {
		t.Error("the order differs")
	}
	if t.Failed() {
		t.Errorf("if that is meant, `ROUTES=write go test ./app/web -run %s` writes %s", t.Name(), file)
	}
}
