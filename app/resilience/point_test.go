//go:build unix

package resilience

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// point is a place in the product's code, marked by a comment, where a process can be stopped and killed. The comments have no
// effect until gofail turns them into code, in copies of the files.
type point struct {
	name string
	// anyone: one instance at a time does this work, so the first one at the point is killed, not the one that was drawn.
	anyone bool
	// most is how many passes are let through at most before a process is stopped.
	most int
	// provoke brings a process to the point when purchases alone do not, or rarely; once says that it may be done only once.
	provoke func(ctx context.Context, a *killTest, victim int)
	once    bool
	// fresh: the point is part of a first start, in a namespace of its own.
	fresh bool
	// rejoins: the point is reached by an instance that starts again.
	rejoins bool
}

// points are all of them, in the order of a purchase and then of what happens around it.
func points() []point {
	return []point{
		{name: "placesDue", most: 8},
		{name: "placesReserved", most: 8},
		{name: "appendDue", most: 8},
		{name: "claimsAppended", most: 8},
		{name: "claimsFetched", anyone: true, most: 5},
		{name: "cursorMoved", anyone: true, most: 5},
		{name: "stockLocked", anyone: true, most: 5},
		{name: "ledgerRead", anyone: true, most: 5},
		{name: "unitsTaken", anyone: true, most: 5},
		{name: "verdictsWritten", anyone: true, most: 5},
		{name: "outboxWritten", anyone: true, most: 5},
		{name: "claimsDecided", anyone: true, most: 5},
		{name: "claimsCommitted", anyone: true, most: 5},
		{name: "shoppersWoken", anyone: true, most: 5},
		{name: "verdictsTold", anyone: true, most: 5},
		{name: "answerDue", most: 10},
		{name: "offsetsDue", anyone: true, most: 2},
		{name: "offsetsCommitted", anyone: true, most: 2},
		{name: "directDue", anyone: true, most: 2, provoke: delayConsumers},
		{name: "directDecided", anyone: true, most: 2, provoke: delayConsumers},
		{name: "directCommitted", anyone: true, most: 2, provoke: delayConsumers},
		{name: "relayTaken", anyone: true, provoke: endLease},
		{name: "eventsDue", anyone: true, most: 5},
		{name: "eventsPublished", anyone: true, most: 5},
		{name: "eventsMarked", anyone: true, most: 5},
		{name: "quarantineDue", anyone: true, provoke: spoilRecord},
		{name: "recordQuarantined", anyone: true, provoke: spoilRecord},
		{name: "releaseDue", anyone: true, provoke: pauseAndResume},
		{name: "placesReleased", anyone: true, provoke: pauseAndResume},
		{name: "limitDue", anyone: true, most: 1, provoke: raiseStock},
		{name: "limitSet", anyone: true, most: 1, provoke: raiseStock},
		{name: "ownersRead", anyone: true, provoke: losePlaces},
		{name: "holdersPrepared", anyone: true, provoke: losePlaces},
		{name: "holdersLoaded", anyone: true, provoke: losePlaces},
		{name: "repairDue", anyone: true, provoke: spoilPlaces},
		{name: "holdersRepaired", anyone: true, provoke: spoilPlaces},
		{name: "holdersCompared", anyone: true, most: 1, provoke: dropOwners},
		{name: "ownersDue", anyone: true, provoke: dropOwners},
		{name: "ownersAdded", anyone: true, provoke: dropOwners},
		{name: "changeWritten", provoke: raiseStockThere},
		{name: "changeCommitted", provoke: raiseStockThere},
		{name: "generationBegun", provoke: resetThere},
		{name: "retireDue", provoke: resetThere},
		{name: "placesRetired", provoke: resetThere},
		{name: "closeDue", anyone: true, provoke: closeSale},
		{name: "closeAppended", anyone: true, provoke: closeSale},
		{name: "drainBegun", provoke: askToStop, once: true},
		{name: "requestsFinished", provoke: askToStop, once: true},
		{name: "consumerStopped", provoke: askToStop, once: true},
		{name: "groupJoined", rejoins: true},
		{name: "migrationDue", fresh: true, most: 4},
		{name: "migrationApplied", fresh: true, most: 3},
		{name: "accountsEnsured", fresh: true},
		{name: "saleEnsured", fresh: true},
		{name: "cursorDue", fresh: true},
		{name: "cursorCreated", fresh: true},
	}
}

var marker = regexp.MustCompile(`(?m)^\s*// gofail: var (\w+) struct\{\}$`)

// marked finds the files of the product that have points, and the points of each.
func marked(root string) (map[string][]string, error) {
	files := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() && (!strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go")) {
			return err
		}
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && path != root {
				return filepath.SkipDir
			}
			return nil
		}
		text, err := os.ReadFile(path)
		for _, found := range marker.FindAllSubmatch(text, -1) {
			files[path] = append(files[path], string(found[1]))
		}
		return err
	})
	return files, err
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestPointsAreThoseOfTheSource: the list here and the comments in the source name the same points. A point that is in one of
// them only is not tested, or never reached.
func TestPointsAreThoseOfTheSource(t *testing.T) {
	files, err := marked(root(t))
	if err != nil {
		t.Fatal(err)
	}
	var source, listed []string
	for names := range maps.Values(files) {
		source = append(source, names...)
	}
	for _, p := range points() {
		listed = append(listed, p.name)
	}
	slices.Sort(source)
	slices.Sort(listed)
	if !slices.Equal(source, listed) {
		t.Errorf("the source has the points\n%v\nand the list\n%v", source, listed)
	}
	if unique := slices.Compact(slices.Clone(listed)); len(unique) != len(listed) || len(unique) < 20 {
		t.Errorf("%d points of %d names", len(listed), len(unique))
	}
}

// pointed is the product with its points, built once for all tests.
var pointed = sync.OnceValues(func() (string, error) {
	dir, err := shared.folder("points")
	if err != nil {
		return "", err
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		return "", err
	}
	replaced, err := enabled(root, dir)
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "flashsale")
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		return "", err
	}
	return program, run(root, "go", "build", "-overlay", overlay, "-o", program, "flashsale")
})

// enabled turns the points into code, in copies below dir, and says which file each copy stands for.
func enabled(root, dir string) (map[string]string, error) {
	files, err := marked(root)
	if err != nil {
		return nil, err
	}
	replaced, arguments := map[string]string{}, []string{"tool", "gofail", "enable"}
	for path := range files {
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return nil, err
		}
		there := filepath.Join(dir, relative)
		text, err := os.ReadFile(path)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(there), 0o700), os.WriteFile(there, text, 0o600)); err != nil {
			return nil, err
		}
		replaced[path] = there
		replaced[strings.TrimSuffix(path, ".go")+".fail.go"] = strings.TrimSuffix(there, ".go") + ".fail.go"
		arguments = append(arguments, there)
	}
	return replaced, run(root, "go", arguments...)
}

func run(dir, program string, arguments ...string) error {
	cmd := exec.Command(program, arguments...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w\n%s", program, arguments[:2], err, out)
	}
	return nil
}

// pointTime is how long a process stops at a point unless it is killed there.
const pointTime = 5 * time.Second

// stopAfter is the gofail term that lets so many passes through and stops the next one.
func stopAfter(passes int) string {
	term := fmt.Sprintf("1*sleep(%d)", pointTime.Milliseconds())
	if passes > 0 {
		term = fmt.Sprintf("%d*off->%s", passes, term)
	}
	return term
}

// pointControl sets the points of one instance and counts who passed them.
type pointControl struct {
	address string
	http    *http.Client
}

func newPointControl(t *testing.T) *pointControl {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 2}
	t.Cleanup(transport.CloseIdleConnections)
	return &pointControl{address: loopback(freePort(t)), http: &http.Client{Transport: transport, Timeout: 5 * time.Second}}
}

// environment makes the product serve the control of its points; set, if given, is a point and its term from the start.
func (s *pointControl) environment(set ...string) []string {
	return []string{"GOFAIL_HTTP=" + s.address, "GOFAIL_FAILPOINTS=" + strings.Join(set, "=")}
}

func (s *pointControl) set(ctx context.Context, point, term string) error {
	_, err := s.ask(ctx, http.MethodPut, point, term)
	return err
}

// passed is how often the point was reached since it was set.
func (s *pointControl) passed(ctx context.Context, point string) (int, error) {
	text, err := s.ask(ctx, http.MethodGet, point+"/count", "")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

func (s *pointControl) ask(ctx context.Context, method, what, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.address+"/"+what, bytes.NewBufferString(body))
	if err != nil {
		return "", err
	}
	res, err := s.http.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s %s", method, what, res.Status, text)
	}
	return strings.TrimSpace(string(text)), err
}
