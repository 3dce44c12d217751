//go:build unix

package server

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// listeningManager is a service manager's socket; what it is told comes by the channel.
func listeningManager(t *testing.T) <-chan string {
	t.Helper()
	dir, err := os.MkdirTemp("", "n") //nolint:usetesting // short: the path of a socket has a limit
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	told, ended := make(chan string, 100), make(chan struct{})
	go func() {
		defer close(ended)
		for b := make([]byte, 4096); ; {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			told <- string(b[:n])
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-ended
		_ = os.RemoveAll(dir)
	})
	t.Setenv("NOTIFY_SOCKET", path)
	return told
}

func TestServiceManagerIsTold(t *testing.T) {
	told := listeningManager(t)
	t.Setenv("WATCHDOG_USEC", "90000")
	s := NewSupervisor(slog.New(slog.DiscardHandler))
	s.Ready("Serves.")
	s.Stopping()
	for _, want := range []string{"READY=1\nSTATUS=Serves.", "STOPPING=1\nSTATUS=Finishing what is in flight."} {
		if got := <-told; got != want {
			t.Errorf("it was told %q, not %q", got, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		s.KeepAlive(ctx)
		close(ended)
	}()
	began := time.Now()
	for range 3 {
		if got := <-told; got != "WATCHDOG=1" {
			t.Errorf("it was told %q", got)
		}
	}
	if took := time.Since(began); took < 50*time.Millisecond { // two pauses of a third of 90 ms
		t.Errorf("three signs of life within %v", took)
	}
	cancel()
	<-ended
}

func TestNobodyIsToldWithoutAServiceManager(t *testing.T) {
	told := listeningManager(t)
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "")
	s := NewSupervisor(slog.New(slog.DiscardHandler))
	s.Ready("Serves.")
	s.KeepAlive(t.Context()) // it returns
	s.Stopping()
	if len(told) > 0 {
		t.Errorf("it was told %q", <-told)
	}
}

// A wish for another process is not ours: a program that systemd has started may start this one.
func TestSignsOfLifeForAnotherProcessAreNotSent(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "1000")
	t.Setenv("WATCHDOG_PID", "1")
	synctest.Test(t, func(t *testing.T) { NewSupervisor(slog.New(slog.DiscardHandler)).KeepAlive(t.Context()) })
}
