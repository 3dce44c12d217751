package bench

import (
	"context"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func startNoop(t *testing.T) *Process {
	t.Helper()
	p, err := StartProcess(t.Context(), os.Args[0], nil, append(os.Environ(), "BENCH_TEST_PROCESS=noop"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestAProcessTellsItsAddressAndStops(t *testing.T) {
	t.Parallel()
	p := startNoop(t)
	g := generatorAt(t, p.URL, 2)
	request := []byte("POST " + noopPath + " HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
	tally, err := g.run(t.Context(), timing{length: 50 * time.Millisecond}, http.StatusNoContent, fixed(request))
	if err != nil || tally.good(http.StatusNoContent) == 0 || tally.good(http.StatusNoContent) != tally.codes[204] || len(tally.codes) != 1 {
		t.Fatalf("%v %+v", err, tally.codes)
	}
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	if s, err := scrape(t.Context(), client, p.URL); err != nil || s[metricMallocs] <= 0 {
		t.Fatalf("%v %v", err, s)
	}
	if p.PID == 0 || p.PID == os.Getpid() {
		t.Fatalf("pid %d", p.PID)
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := g.conns[0].do(t.Context(), request, time.Now().Add(time.Second)); err == nil {
		t.Fatal("it answers after Stop")
	}
}

// The server that does nothing must end with the process that started it, even when that one is killed.
func TestNoopEndsWithItsInput(t *testing.T) {
	t.Parallel()
	p := startNoop(t)
	if err := p.in.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		t.Fatal("it goes on")
	}
}

func TestAProcessThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	_, err := StartProcess(t.Context(), os.Args[0], nil, append(os.Environ(), "BENCH_TEST_PROCESS=broken"), t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "it ended: exit status 1\nno luck today") {
		t.Fatal(err)
	}
	if _, err := StartProcess(t.Context(), "/nonexistent", nil, nil, t.TempDir()); err == nil {
		t.Fatal("a program that does not exist was started")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := StartProcess(ctx, os.Args[0], nil, append(os.Environ(), "BENCH_TEST_PROCESS=noop"), t.TempDir()); err == nil {
		t.Fatal("started although cancelled")
	}
}

func TestTheTailOfStandardErrorIsKept(t *testing.T) {
	t.Parallel()
	var end tail
	for range 1000 {
		_, _ = end.Write([]byte("0123456789"))
	}
	_, _ = end.Write([]byte("the end\n"))
	if text := end.String(); len(text) > maxTail || !strings.HasSuffix(text, "789the end") {
		t.Fatalf("%d bytes: %q", len(text), text[max(0, len(text)-20):])
	}
}

func TestCleanEnvironment(t *testing.T) {
	t.Setenv("BENCH_TEST_HOST", "x")
	t.Setenv("BENCH_TEST_HOSTNAME", "y")
	env := CleanEnvironment("BENCH_TEST_HOST")
	if slices.Contains(env, "BENCH_TEST_HOST=x") || !slices.Contains(env, "BENCH_TEST_HOSTNAME=y") {
		t.Fatal("only the named variable must go")
	}
}
