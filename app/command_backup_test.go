package app

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"flashsale/app/instance/instancetest"
)

// given is a receipt as its shopper has it.
type given struct {
	order string
	unit  float64
}

// receipts are those that shoppers got, by name.
type receipts struct {
	mu  sync.Mutex
	all map[string]given
}

func (r *receipts) keep(name string, reply instancetest.Reply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[name] = given{reply.Text("purchaseId"), reply.Number("unit")}
}

func (r *receipts) copied() map[string]given {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := make(map[string]given, len(r.all))
	for name, one := range r.all {
		c[name] = one
	}
	return c
}

// missing are the shoppers whose receipt an instance does not have as they do.
func missing(t *testing.T, s *serving, all map[string]given) (names []string) {
	t.Helper()
	c := instancetest.NewClient(t, s.url)
	for name, one := range all {
		r := c.Call(http.MethodGet, "/api/flash-sale/purchase/"+name, nil)
		if r.Text("purchaseId") != one.order || r.Number("unit") != one.unit {
			names = append(names, name)
		}
	}
	return names
}

// orderedEnd stops an instance as Ctrl-C does.
func orderedEnd(t *testing.T, s *serving) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.end(t); err != nil {
		t.Fatalf("it ended with %v: %s", err, s.said)
	}
}

// has waits until the instance knows of a stock that a command has set.
func (s *serving) has(t *testing.T, units float64) {
	t.Helper()
	instancetest.Eventually(t, "the stock", func() bool { return instancetest.NewClient(t, s.url).Status().Number("maxStock") == units })
}

func mustRun(t *testing.T, p place, args ...string) string {
	t.Helper()
	code, said := p.run(t, "", args...)
	if code != 0 {
		t.Fatalf("flashsale %s: exit %d: %s", strings.Join(args, " "), code, said)
	}
	return said
}

func private(t *testing.T, dir string) {
	t.Helper()
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory is %v (%v)", info.Mode(), err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 4 {
		t.Errorf("the backup has %v (%v)", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is %v (%v)", f.Name(), info.Mode(), err)
		}
	}
}

// Purchases go on while the backup is made. Every receipt that was given before is in what is restored, the same one.
func TestABackupOfASaleInProgressIsRestored(t *testing.T) {
	t.Parallel()
	const shoppers = 4
	p := newPlace(t)
	s := p.serve(t)
	mustRun(t, p, "seed", "4000")
	mustRun(t, p, "sale", "set", "--stock", "4000")
	s.has(t, 4000)
	got := &receipts{all: make(map[string]given)}
	stop := make(chan struct{})
	var buying sync.WaitGroup
	for i := range shoppers {
		buying.Go(func() {
			c := instancetest.NewClient(t, s.url)
			for n := 1 + i; n < 4000; n += shoppers {
				select {
				case <-stop:
					return
				default:
				}
				name := fmt.Sprintf("jane_smith_%d", n)
				if r := c.BuySettled(name); r.Status == http.StatusCreated {
					got.keep(name, r)
				} else {
					t.Errorf("%s: %d %s", name, r.Status, r.Raw)
				}
				time.Sleep(40 * time.Millisecond) // there are names for longer than any backup takes
			}
		})
	}
	instancetest.Eventually(t, "some receipts", func() bool { return len(got.copied()) > 20 })
	before := got.copied()
	dir := filepath.Join(t.TempDir(), "copies", "one")
	began := time.Now()
	said := mustRun(t, p, "backup", dir)
	took, during := time.Since(began), len(got.copied())-len(before)
	instancetest.Eventually(t, "receipts after the backup", func() bool { return len(got.copied()) > len(before)+during+5 })
	close(stop)
	buying.Wait()
	if during == 0 || !strings.Contains(said, "backup in "+dir+": the database and the claims log") {
		t.Errorf("%d receipts during the backup: %s", during, said)
	}
	private(t, dir)
	orderedEnd(t, s)

	other := newPlace(t)
	said = mustRun(t, other, "restore", dir)
	t.Logf("%d receipts before, %d during %s, %d in all\n%s", len(before), during, took, len(got.copied()), said)
	for _, words := range []string{"ok       I1", "ok       I2", "ok       I5", "receipts were in the database of the backup", "0 of them are lost", "are not known here"} {
		if !strings.Contains(said, words) {
			t.Errorf("the restore does not say %q: %s", words, said)
		}
	}
	again := other.serve(t)
	if names := missing(t, again, before); len(names) > 0 {
		t.Errorf("not restored: %v", names)
	}
	again.buy(t, "john_doe")
	if said := mustRun(t, other, "verify"); strings.Contains(said, "broken") {
		t.Error(said)
	}
	orderedEnd(t, again)
	if code, said := other.run(t, "", "restore", dir); code != 1 || !strings.Contains(said, "nothing was restored: the data directory") || strings.Count(said, "\n") != 1 {
		t.Errorf("into a directory that is used: exit %d: %s", code, said)
	}
}

// A backup that is older than receipts: those whose claims are in the log of the deployment come back from it. What the ledger of the
// backup would not have sold, because the stock was raised later, is named. Without that log nobody knows of either.
func TestReceiptsThatAreNewerThanTheBackupComeBackFromTheLogOrAreNamed(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := p.serve(t)
	got := &receipts{all: make(map[string]given)}
	buy := func(names ...string) {
		c := instancetest.NewClient(t, s.url)
		for _, name := range names {
			r := c.BuySettled(name)
			if r.Status != http.StatusCreated {
				t.Fatalf("%s: %d %s", name, r.Status, r.Raw)
			}
			got.keep(name, r)
		}
	}
	buy("john_doe", "jane_smith")
	dir := filepath.Join(t.TempDir(), "backup")
	mustRun(t, p, "backup", dir)
	buy("alice_brown", "diana_miller", "edward_garcia")
	back := got.copied()
	mustRun(t, p, "sale", "set", "--stock", "7")
	s.has(t, 7)
	buy("george_martinez", "helen_anderson")
	orderedEnd(t, s)
	data, old := filepath.Join(p.dir, ".flashsale"), filepath.Join(p.dir, "damaged")
	if err := os.Rename(data, old); err != nil {
		t.Fatal(err)
	}

	code, said := p.run(t, "", "restore", dir, "--log", old)
	if code != 1 || !strings.Contains(said, "2 receipts were in the database of the backup, 3 more came back from the claims log") ||
		strings.Count(said, "\nlost ") != 2 || !strings.Contains(said, "of george_martinez, unit 6 ") || !strings.Contains(said, "of helen_anderson, unit 7 ") ||
		!strings.Contains(said, "declined: sold-out") || !strings.Contains(said, "7 receipts are named by the published events at hand; 2 of them are lost") {
		t.Errorf("with the log: exit %d: %s", code, said)
	}
	s = p.serve(t)
	if names := missing(t, s, back); len(names) > 0 {
		t.Errorf("not restored: %v", names)
	}
	orderedEnd(t, s)

	other := newPlace(t)
	said = mustRun(t, other, "restore", dir)
	if !strings.Contains(said, "2 receipts were in the database of the backup, 0 more") || !strings.Contains(said, "restore anew with --log") {
		t.Errorf("without the log: %s", said)
	}
	third := newPlace(t)
	if code, said := third.run(t, "", "restore", dir, "--log", third.dir); code != 1 || !strings.Contains(said, "there is no log of an embedded Kafka in") {
		t.Errorf("a log that is not there: exit %d: %s", code, said)
	}
	if left := entries(t, third.dir); len(left) > 0 {
		t.Errorf("a restore that was refused left %v", left)
	}
}

// What is cut off, damaged or somebody else's is neither taken for a backup nor overwritten.
func TestWhatIsNoWholeBackupIsRefused(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := p.serve(t)
	s.buy(t, "john_doe")
	dir, other := filepath.Join(t.TempDir(), "backup"), newPlace(t)
	refused := func(words string, from place, args ...string) {
		t.Helper()
		if code, said := from.run(t, "", args...); code != 1 || !strings.Contains(said, words) || strings.Count(said, "\n") != 1 {
			t.Errorf("flashsale %s: exit %d, %q; want one sentence with %q", strings.Join(args, " "), code, said, words)
		}
	}
	cut := p.command(t, "backup", dir)
	if err := cut.Start(); err != nil {
		t.Fatal(err)
	}
	instancetest.Eventually(t, "the first bytes", func() bool {
		info, err := os.Stat(filepath.Join(dir, "postgres.tar"))
		return err == nil && info.Size() > 0
	})
	_ = cut.Process.Kill()
	_ = cut.Wait()
	if _, err := os.Stat(filepath.Join(dir, "manifest.json")); err == nil {
		t.Fatal("the backup was over before it could be cut off")
	}
	refused("no whole backup: it has no manifest.json", other, "restore", dir)
	short := filepath.Join(t.TempDir(), "stopped")
	stopped := p.command(t, "backup", short)
	if err := stopped.Start(); err != nil {
		t.Fatal(err)
	}
	instancetest.Eventually(t, "the first bytes", func() bool {
		info, err := os.Stat(filepath.Join(short, "postgres.tar"))
		return err == nil && info.Size() > 0
	})
	_ = stopped.Process.Signal(syscall.SIGINT)
	if err := stopped.Wait(); err == nil || len(entries(t, short)) > 0 {
		t.Errorf("a backup that was stopped (%v) left %v", err, entries(t, short))
	}
	mustRun(t, p, "backup", dir)
	private(t, dir)
	refused("is not empty", p, "backup", dir)
	refused("lies in the data directory", p, "backup", filepath.Join(p.dir, ".flashsale", "backup"))
	refused("There is no deployment", other, "backup", filepath.Join(other.dir, "x"))
	named := other
	named.env = append(append([]string{}, other.env...), "NAMESPACE=another")
	refused("the backup is of NAMESPACE=flashsale, and here it is another", named, "restore", dir)

	tar := filepath.Join(dir, "postgres.tar")
	f, err := os.OpenFile(tar, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("x"), 1<<20); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	refused("postgres.tar is not what was written", other, "restore", dir)
	if err := os.Remove(filepath.Join(dir, "kafka.tar")); err != nil {
		t.Fatal(err)
	}
	if left := entries(t, other.dir); len(left) > 0 {
		t.Errorf("what was refused left %v", left)
	}
	orderedEnd(t, s)
}

// Of configured servers the command says what to run, and shows no password. It is no success: nothing was copied.
func TestABackupOfConfiguredServersSaysWhatToRun(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "DATABASE_URL=postgres://shop:hidden@db.example:5433/shop?sslmode=disable", "KAFKA_BROKERS=k1:9092,k2:9092", "REDIS_URL=redis://r1:6379")
	for command, words := range map[string][]string{
		"backup":  {`pg_dump --dbname="$DATABASE_URL" --schema=flashsale`, "pg_basebackup", "db.example:5433", "k1:9092, k2:9092", "Nothing was copied"},
		"restore": {"pg_restore", "ALTER SCHEMA flashsale RENAME", "flashsale verify", "Nothing was restored"},
	} {
		code, said := p.run(t, "", command, "copies")
		for _, one := range words {
			if code != 1 || !strings.Contains(said, one) || strings.Contains(said, "hidden") {
				t.Errorf("%s: exit %d, it lacks %q: %s", command, code, one, said)
			}
		}
	}
	if left := entries(t, p.dir); len(left) > 0 {
		t.Errorf("it made %v", left)
	}
}
