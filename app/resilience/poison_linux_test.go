package resilience

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashsale/users"
)

// poisons are what ended the process, or took gigabytes, when kfake or miniredis read it. Each is sent on several
// connections at a time, which stay open: a length alone makes a server wait for what it announces.
var poisons = []struct {
	name, bytes string
	connections int
}{
	{"a request key that Kafka does not know", "\x00\x00\x00\x0a\x27\x0f\x00\x00\x00\x00\x00\x00\xff\xff", 1},
	{"a negative request key", "\x00\x00\x00\x0a\xff\xff\x00\x00\x00\x00\x00\x00\xff\xff", 1},
	{"a version that does not exist", "\x00\x00\x00\x0a\x00\x03\x7f\xff\x00\x00\x00\x00\xff\xff", 1},
	{"a request of no bytes", "\x00\x00\x00\x00", 1},
	{"a request of 2 GiB", "\x7f\xff\xff\xff\x00\x03\x00\x01\x00\x00\x00\x01", 4},
	{"the longest requests that are let through, cut off", "\x01\x00\x00\x00\x00\x03\x00\x01\x00\x00\x00\x01", 60},
	{"a web page", "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n\r\nhello", 120},
	{"an array without strings", "*0\r\n", 1},
	{"an array of -1", "*-1\r\n", 1},
	{"an array without end", "*9223372036854775807\r\n$4\r\nPING\r\n", 1},
	{"a string of 8 EiB", "*1\r\n$9223372036854775807\r\n", 1},
	{"a string of -1", "*1\r\n$-1\r\n", 1},
	{"a string of 1 GiB", "*1\r\n$1073741824\r\n", 20},
	{"a command in a line", "PING\r\n", 1},
	{"an array in an array", "*1\r\n*1\r\n$4\r\nPING\r\n", 1},
	{"a number in an array", "*1\r\n:1\r\n", 1},
	{"a line without end", strings.Repeat("*", 1<<20), 4},
}

// most is what the process may grow by while poison is sent. A single length of 2 GiB took more.
const most = 400 << 20

// TestPoisonOnEveryEndpoint is row E1: an instance with embedded servers listens nowhere but on its two ports and on sockets
// that only its user can reach, and what ends kfake and miniredis does nothing there.
func TestPoisonOnEveryEndpoint(t *testing.T) {
	t.Parallel()
	p := launch(t, freePort(t), "DATA_DIR="+t.TempDir()+"/data")
	s := newShoppers(t)
	prepare(t, s, p.url, 100, 200)
	s.press(context.Background(), p.url, users.SeriesName(1))
	before := p.gauges(t)["process_resident_memory_bytes"]
	own := map[string]bool{strings.TrimPrefix(p.url, "http://"): true, strings.TrimPrefix(p.ops, "http://"): true}
	poisoned := 0
	for _, e := range endpoints(t, p.cmd.Process.Pid) {
		if own[e.address] {
			continue
		}
		if e.network != "unix" {
			t.Errorf("something of the product listens on %s", e.address)
		} else {
			assertPrivate(t, e.address)
		}
		poisoned++
		for _, poison := range poisons {
			pour(t, p, e, poison.name, poison.bytes, poison.connections)
		}
	}
	if poisoned != 3 {
		t.Errorf("%d endpoints of embedded servers were found, not those of PostgreSQL, Redis and Kafka", poisoned)
	}
	if p.ended() {
		t.Fatalf("the poison ended the product\n%s", p.log)
	}
	if grown := p.gauges(t)["process_resident_memory_bytes"] - before; grown > most {
		t.Errorf("the product grew by %.0f MiB", grown/(1<<20))
	} else {
		t.Logf("the product grew by %.0f MiB", grown/(1<<20))
	}
	sellOut(t, s, p.url, 100, 200)
	assertPromisesKept(t, s, p.url)
	assertVerified(t, s, p.url)
	assertAnsweredRightly(t, s)
}

// pour sends the bytes on so many connections and keeps them open until a shopper was answered.
func pour(t *testing.T, p *process, e endpoint, name, bytes string, connections int) {
	t.Helper()
	var open []net.Conn
	defer func() {
		for _, conn := range open {
			_ = conn.Close()
		}
	}()
	for range connections {
		conn, err := net.DialTimeout(e.network, e.address, time.Second)
		if err != nil {
			if p.ended() {
				t.Fatalf("%s ended the product, sent to %s\n%s", name, e.address, p.log)
			}
			continue
		}
		open = append(open, conn)
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = conn.Write([]byte(bytes)) // a refusal may come before the last byte
	}
	res, err := http.Get(p.url + "/api/flash-sale/status")
	if err != nil {
		t.Fatalf("%s, sent to %s: the product does not answer: %v\n%s", name, e.address, err, p.log)
	}
	_ = res.Body.Close()
	if grown := p.gauges(t)["process_resident_memory_bytes"]; grown > most+200<<20 {
		t.Fatalf("%s, sent to %s: the product has %.0f MiB", name, e.address, grown/(1<<20))
	}
}

// assertPrivate: nobody but the user can enter the directory of a socket.
func assertPrivate(t *testing.T, socket string) {
	t.Helper()
	info, err := os.Stat(filepath.Dir(socket))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("%s can be entered by others: %v", filepath.Dir(socket), info.Mode())
	}
}

// TestCommandsBesideAnInstance: what a person runs beside an instance with embedded servers reaches them, from a data
// directory whose path is too long for a socket.
func TestCommandsBesideAnInstance(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), strings.Repeat("long", 30), "data")
	p := launch(t, freePort(t), "DATA_DIR="+data)
	s := newShoppers(t)
	prepare(t, s, p.url, 5, 50)
	if a := s.press(context.Background(), p.url, users.SeriesName(1)); a.Status != http.StatusCreated {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	for _, step := range []struct {
		args string
		says []string
	}{
		{"doctor", []string{"ok       PostgreSQL", "ok       Redis", "ok       Kafka", "in the running instance"}},
		{"verify", []string{"ok       I1", "ok       I4", "ok       I5"}},
		{"seed 60", []string{"60 of the series exist"}},
		{"migrate status", []string{"applied"}},
		{"reset --stock 7", []string{"7 units, nothing sold"}},
	} {
		cmd := exec.CommandContext(t.Context(), build(t), strings.Fields(step.args)...)
		cmd.Dir = t.TempDir()
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "DEMO=true", "DATA_DIR=" + data}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("flashsale %s: %v\n%s", step.args, err, out)
		}
		for _, words := range step.says {
			if !strings.Contains(string(out), words) {
				t.Errorf("flashsale %s does not say %q:\n%s", step.args, words, out)
			}
		}
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) { // the instance hears of the reset
		a := s.press(context.Background(), p.url, users.SeriesName(1))
		if a.Status == http.StatusCreated {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("after the reset: %d %s", a.Status, a.Raw)
		}
	}
	dirs := socketDirectories(t, p)
	stopping, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := p.stop(stopping); err != nil {
		t.Errorf("stop: %v\n%s", err, p.log)
	}
	for _, dir := range dirs {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("the stop has left %s", dir)
		}
	}
}

func socketDirectories(t *testing.T, p *process) (dirs []string) {
	t.Helper()
	for _, e := range endpoints(t, p.cmd.Process.Pid) {
		if e.network == "unix" {
			dirs = append(dirs, filepath.Dir(e.address))
		}
	}
	if len(dirs) == 0 {
		t.Error("the instance has no socket")
	}
	return dirs
}
