package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

// Handed are the listeners that whoever started this process has opened and handed over by LISTEN_FDS, as systemd does for a
// service with a socket; none: nil. Closing one leaves the socket open where it came from, so that connections wait there for the
// next process instead of being refused. The error is a sentence for the operator. It takes the variables out of the environment,
// so only the first call finds something.
func Handed() ([]net.Listener, error) {
	handed, err := activation.Listeners()
	if err != nil {
		return nil, fmt.Errorf("the sockets of LISTEN_FDS: %w", err)
	}
	for i, l := range handed {
		if l == nil || l.Addr().Network() != "tcp" {
			for _, other := range handed {
				if other != nil {
					_ = other.Close()
				}
			}
			return nil, fmt.Errorf("socket %d of the %d that were handed over by LISTEN_FDS is none that listens by TCP; the socket unit needs ListenStream= with a port, and nothing else",
				i+1, len(handed))
		}
	}
	return handed, nil
}

// watchdogShare is how often the sign of life is sent in the time that the service manager waits for one: one may be late.
const watchdogShare = 3

// Supervisor is the service manager that started this process and wants to be told about it, as systemd does for a service with
// Type=notify. Without one every method does nothing. Safe for concurrent use.
type Supervisor struct {
	patience time.Duration // without a sign of life for so long the process is ended; 0: none is wanted
	log      *slog.Logger
}

// NewSupervisor finds the service manager in the environment. A wrong value there is logged.
func NewSupervisor(log *slog.Logger) *Supervisor {
	patience, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("the service manager's wish for a sign of life is not understood, so it gets none", "error", err)
	}
	return &Supervisor{patience: patience, log: log}
}

// Ready says that the process serves; status is a line for whoever looks at the service.
func (s *Supervisor) Ready(status string) { s.tell(daemon.SdNotifyReady + "\nSTATUS=" + status) }

// Stopping says that the process ends on purpose.
func (s *Supervisor) Stopping() {
	s.tell(daemon.SdNotifyStopping + "\nSTATUS=Finishing what is in flight.")
}

// KeepAlive sends the sign of life until ctx ends. It says that the process is run by the system, which one that is frozen is not,
// and nothing about other servers: a restart brings none of them back.
func (s *Supervisor) KeepAlive(ctx context.Context) {
	if s.patience <= 0 {
		return
	}
	tick := time.NewTicker(s.patience / watchdogShare)
	defer tick.Stop()
	for {
		s.tell(daemon.SdNotifyWatchdog)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Supervisor) tell(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.log.Warn("the service manager was not reached", "socket", os.Getenv("NOTIFY_SOCKET"), "error", err)
	}
}
