package app

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// untilSignal returns a context that ends with the first signal that asks the process to stop: Ctrl-C, SIGTERM, or SIGHUP, which
// a terminal sends when it is closed. A second Ctrl-C or SIGTERM ends the process at once. A second SIGHUP does not: a closed
// terminal and its shell each send one. SIGHUP that was ignored when the process started stays ignored, as nohup wants it.
//
// SIGPIPE is received and dropped, so that a reader of the output who leaves does not end the process: what is written then
// fails with EPIPE. It is not ignored, because processes started from here would ignore it too.
func untilSignal(parent context.Context) (ctx context.Context, release func()) {
	ctx, cancel := context.WithCancel(parent)
	asked, dropped := make(chan os.Signal, 4), make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(asked, syscall.SIGHUP)
	}
	signal.Notify(dropped, syscall.SIGPIPE)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for s := range asked {
			cancel()
			if s != syscall.SIGHUP {
				signal.Reset(syscall.SIGINT, syscall.SIGTERM)
			}
		}
	}()
	return ctx, func() {
		signal.Stop(asked)
		signal.Stop(dropped)
		close(asked)
		<-ended
		cancel()
	}
}

// pipe is the output of a short command. When its reader has left, nobody wants the rest: the command is told to stop, and
// ends without a word about it.
type pipe struct {
	to   io.Writer
	stop context.CancelFunc
	gone atomic.Bool
}

func (p *pipe) Write(b []byte) (int, error) {
	n, err := p.to.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		p.gone.Store(true)
		p.stop()
	}
	return n, err
}

// lossy is where the log of an instance goes. A line that cannot be written, because the reader has left, the terminal is closed
// or the disk is full, is lost and counted: the instance goes on.
type lossy struct {
	to   io.Writer
	lost atomic.Uint64
}

func (l *lossy) Write(b []byte) (int, error) {
	if _, err := l.to.Write(b); err != nil {
		l.lost.Add(1)
	}
	return len(b), nil
}
