//go:build unix

package app

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"flashsale/app/instance/instancetest"
)

// A closed terminal sends SIGHUP, and its shell may send another one: the instance finishes its work all the same.
func TestSignalsThatStopAnInstanceInOrder(t *testing.T) {
	t.Parallel()
	needsSIGHUP(t)
	for name, signals := range map[string][]syscall.Signal{
		"SIGHUP twice": {syscall.SIGHUP, syscall.SIGHUP}, "SIGHUP, then SIGTERM": {syscall.SIGHUP, syscall.SIGTERM},
		"SIGTERM, then SIGHUP": {syscall.SIGTERM, syscall.SIGHUP},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			s := p.serve(t)
			s.buy(t, "john_doe")
			for _, one := range signals {
				if err := s.cmd.Process.Signal(one); err != nil {
					t.Fatal(err)
				}
				instancetest.Eventually(t, "the begin of the stop", s.stops)
			}
			orderly(t, s, filepath.Join(p.dir, ".flashsale"))
		})
	}
}

// needsSIGHUP skips a test where SIGHUP is ignored, as nohup has it: every process that is started keeps that.
func needsSIGHUP(t *testing.T) {
	t.Helper()
	if signal.Ignored(syscall.SIGHUP) && os.Getenv("CI") == "" {
		t.Skip("SIGHUP is ignored here, as nohup has it")
	}
}

// An operator who does not want to wait asks twice.
func TestASecondSIGTERMEndsAnInstanceAtOnce(t *testing.T) {
	t.Parallel()
	s := newPlace(t, "DRAIN_DELAY=20s").serve(t) // or the stop may be over before the second one
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	instancetest.Eventually(t, "the begin of the stop", s.stops)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.end(t); err == nil || !strings.Contains(err.Error(), "signal: terminated") {
		t.Errorf("it ended with %v", err)
	}
}

// With nohup the instance goes on when its terminal is closed.
func TestSIGHUPThatIsIgnoredStaysIgnored(t *testing.T) {
	t.Parallel()
	s := newPlace(t).serve(t, func(c *exec.Cmd) {
		c.Args = append([]string{"sh", "-c", `trap "" HUP; exec "$0" "$@"`, c.Path}, c.Args[1:]...)
		c.Path = "/bin/sh"
	})
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.buy(t, "john_doe")
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.end(t); err != nil {
		t.Errorf("it ended with %v: %s", err, s.said)
	}
}

// The readers of both outputs leave, one before the first line of the log, one after the line that says that it runs.
func TestAnInstanceGoesOnWithoutReadersOfItsOutput(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = read.Close()
	p := newPlace(t)
	s := p.serve(t, func(c *exec.Cmd) { c.Stderr = write })
	_ = write.Close()
	s.buy(t, "john_doe")
	if lost := s.metric(t, "flashsale_log_lost_total"); lost < 1 {
		t.Errorf("%v lines of the log are counted as lost", lost)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	orderly(t, s, filepath.Join(p.dir, ".flashsale"))
}

// "flashsale verify | head -0": the command stops its servers and says nothing.
func TestAShortCommandWithoutAReaderEndsQuietlyAndInOrder(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	if code, said := p.run(t, "", "migrate"); code != 0 {
		t.Fatalf("exit %d: %s", code, said)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = read.Close()
	var said bytes.Buffer
	c := p.command(t, "migrate", "status")
	c.Stdout, c.Stderr = write, &said
	err = c.Run()
	_ = write.Close()
	if err == nil || err.Error() != "exit status 1" || said.Len() > 0 {
		t.Errorf("it ended with %v and said %q", err, said.String())
	}
	if _, err := os.Stat(filepath.Join(p.dir, ".flashsale", "holder.json")); err == nil {
		t.Error("the data directory was not given back")
	}
}

// Ctrl-C at a question is a no.
func TestAQuestionEndsWithTheCommand(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	if code, said := p.run(t, "", "migrate"); code != 0 {
		t.Fatalf("exit %d: %s", code, said)
	}
	c := p.command(t, "reset", "--wipe")
	stdin, err := c.StdinPipe() // nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	asked := &watched{until: "to go on: ", seen: make(chan struct{})}
	c.Stdout, c.Stderr = asked, asked
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	<-asked.seen
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	instancetest.Eventually(t, "the end of the command", func() bool {
		select {
		case err := <-ended:
			return err != nil && err.Error() == "exit status 1"
		default:
			return false
		}
	})
	if _, err := os.Stat(filepath.Join(p.dir, ".flashsale", "postgres")); err != nil {
		t.Errorf("data was removed: %v", err)
	}
}
