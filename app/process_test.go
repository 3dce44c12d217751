package app

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/app/instance/instancetest"
)

// asProgram makes this test binary the program: it runs Main as main.go does.
const asProgram = "FLASHSALE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	embeddedtest.Main(m)
}

// place is where a process of the program runs: a working directory and an environment of its own.
type place struct {
	dir string
	env []string
}

// newPlace is an empty directory that is HOME and the working directory, with these settings and no others. GOCOVERDIR is for a
// program that counts what its tests cover: without it the program ends with a warning. GORACE is the race detector's.
func newPlace(t *testing.T, env ...string) place {
	t.Helper()
	if os.Getenv("FLASHSALE_TEST_REAL") == "1" && testing.CoverMode() == "" && !slices.ContainsFunc(env, namesAServer) {
		t.Skip("the program embeds its servers here, whichever servers the tests have")
	}
	dir := t.TempDir()
	t.Cleanup(func() {
		instancetest.Eventually(t, "the end of the database of a program that ended at once", func() bool { return !databaseRuns(dir) })
	})
	return place{dir, append([]string{asProgram + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + dir, "HOST=127.0.0.1",
		"GOCOVERDIR=" + os.Getenv("GOCOVERDIR"), "GORACE=" + os.Getenv("GORACE")}, env...)}
}

// databaseRuns is true while an embedded PostgreSQL of the place writes to its files. Its guardian ends it after a program that was killed.
func databaseRuns(dir string) bool {
	files, _ := filepath.Glob(filepath.Join(dir, ".flashsale", "postgres", "*", "postmaster.pid"))
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		if err != nil {
			return false
		}
		id, err := strconv.Atoi(strings.SplitN(string(text), "\n", 2)[0])
		if err != nil {
			return false
		}
		process, err := os.FindProcess(id)
		return err == nil && process.Signal(syscall.Signal(0)) == nil
	})
}

func namesAServer(setting string) bool {
	return strings.HasPrefix(setting, "DATABASE_URL=") || strings.HasPrefix(setting, "REDIS_URL=") || strings.HasPrefix(setting, "KAFKA_BROKERS=")
}

// command is one command line of the program in its place.
func (p place) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, args...)
	c.Dir, c.Env = p.dir, p.env
	return c
}

// run runs a command line to its end.
func (p place) run(t *testing.T, stdin string, args ...string) (code int, said string) {
	t.Helper()
	c := p.command(t, args...)
	c.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(2*time.Minute, func() { _ = c.Process.Kill() })
	err := c.Wait()
	if !late.Stop() {
		t.Fatalf("%v does not end; it printed %s", args, out.String())
	}
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), out.String()
}

// serving is a process that serves.
type serving struct {
	cmd      *exec.Cmd
	url, ops string
	said     *bytes.Buffer // what it wrote to standard error, to be read after its end
	ended    chan error
}

// serve starts an instance and waits until it says that it is ready. The command may have a standard error of its own; its
// standard output is read as far as that line, and left by its reader afterwards.
func (p place) serve(t *testing.T, change ...func(*exec.Cmd)) *serving {
	t.Helper()
	var ports [2]int
	for i := range ports {
		port, err := embeddedtest.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		ports[i] = port
	}
	ops := "127.0.0.1:" + strconv.Itoa(ports[1])
	here := place{p.dir, append(slices.Clone(p.env), "PORT="+strconv.Itoa(ports[0]), "OPS_ADDR="+ops)}
	s := &serving{cmd: here.command(t, "serve"), url: "http://127.0.0.1:" + strconv.Itoa(ports[0]), ops: "http://" + ops,
		said: &bytes.Buffer{}, ended: make(chan error, 1)}
	s.cmd.Stderr = s.said
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stdout = write
	for _, one := range change {
		one(s.cmd)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = write.Close()
	var end sync.Once
	t.Cleanup(func() { end.Do(func() { _ = s.cmd.Process.Kill() }) })
	go func() {
		err := s.cmd.Wait()
		end.Do(func() {})
		s.ended <- err
	}()
	if s.cmd.Stdout == write {
		ready := s.awaitLine(t, bufio.NewScanner(read), read)
		_ = read.Close()
		if !ready {
			t.Fatalf("it ended (%v) before it was ready: %s", <-s.ended, s.said)
		}
	}
	return s
}

// awaitLine is true when the instance says that it is ready.
func (s *serving) awaitLine(t *testing.T, lines *bufio.Scanner, from *os.File) bool {
	t.Helper()
	if err := from.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "Application is running on:") {
			return true
		}
	}
	return false
}

// end waits for the end of the process.
func (s *serving) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(time.Minute):
		t.Fatal("the process does not end")
		return nil
	}
}

// answers is true when the instance answers.
func (s *serving) answers() bool {
	res, err := http.Get(s.url + "/livez")
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// stops is true when the instance has begun to stop.
func (s *serving) stops() bool {
	res, err := http.Get(s.ops + "/readyz")
	if err != nil {
		return true
	}
	_ = res.Body.Close()
	return res.StatusCode != http.StatusOK
}

// metric is a figure of the instance, 0 when it is not there.
func (s *serving) metric(t *testing.T, name string) float64 {
	t.Helper()
	res, err := http.Get(s.ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	return 0
}

// orderly fails the test unless the instance in that data directory has stopped in order, with its database.
func orderly(t *testing.T, s *serving, data string) {
	t.Helper()
	if err := s.end(t); err != nil {
		t.Errorf("it ended with %v: %s", err, s.said)
	}
	for _, file := range []string{"run.json", "holder.json"} {
		if _, err := os.Stat(filepath.Join(data, file)); err == nil {
			t.Errorf("%s is left", file)
		}
	}
	log, err := os.ReadFile(filepath.Join(data, "postgres", "server.log"))
	if err != nil || !strings.Contains(string(log), "database system is shut down") || strings.Contains(string(log), "not properly shut down") {
		t.Errorf("PostgreSQL was not shut down (%v): %s", err, log)
	}
}

// entries are the paths of everything below the directory.
func entries(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err == nil && path != dir {
			all = append(all, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// buy buys a unit in demo mode.
func (s *serving) buy(t *testing.T, name string) {
	t.Helper()
	if r := instancetest.NewClient(t, s.url).BuySettled(name); r.Status != http.StatusCreated {
		t.Fatalf("%d %s", r.Status, r.Raw)
	}
}

// watched closes seen when the words were written.
type watched struct {
	until string
	text  string
	seen  chan struct{}
	done  bool
}

func (w *watched) Write(b []byte) (int, error) {
	w.text += string(b)
	if !w.done && strings.Contains(w.text, w.until) {
		w.done = true
		close(w.seen)
	}
	return len(b), nil
}
