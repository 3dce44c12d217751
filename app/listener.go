package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// listenPublic opens the public port on every address of the configuration. A second loopback address that the
// machine does not have is left out.
func listenPublic(ctx context.Context, cfg Config) ([]net.Listener, error) {
	var open []net.Listener
	port := cfg.Port
	for i, host := range cfg.Hosts {
		address := net.JoinHostPort(host, strconv.Itoa(port))
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		switch {
		case err == nil:
			open = append(open, l)
			port = l.Addr().(*net.TCPAddr).Port
		case i > 0 && !errors.Is(err, syscall.EADDRINUSE):
			continue
		default:
			for _, o := range open {
				_ = o.Close()
			}
			return nil, listenError(address, "PORT (or HOST)", err)
		}
	}
	return open, nil
}

func listenError(address, variable string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is taken by another program; stop that one or set %s to another address", address, variable)
	}
	return fmt.Errorf("cannot listen on %s (%w); set %s to an address of this machine", address, err, variable)
}
