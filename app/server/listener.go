package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// Listen opens one port on every host; port 0 takes a free one. A further address that the machine does not have, such
// as a second loopback address, is left out.
func Listen(ctx context.Context, hosts []string, port int) ([]net.Listener, error) {
	var open []net.Listener
	for i, host := range hosts {
		address := net.JoinHostPort(host, strconv.Itoa(port))
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		switch {
		case err == nil:
			open = append(open, l)
			port = l.Addr().(*net.TCPAddr).Port
		case i > 0 && !errors.Is(err, syscall.EADDRINUSE):
			continue
		default:
			CloseAll(open)
			return nil, listenError(address, "PORT (or HOST)", err)
		}
	}
	return open, nil
}

// ListenOn opens one address, which the variable named has set. The error is a sentence for the operator.
func ListenOn(ctx context.Context, address, variable string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, listenError(address, variable, err)
	}
	return l, nil
}

// CloseAll closes listeners that nobody serves.
func CloseAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close()
	}
}

func listenError(address, variable string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is taken by another program; stop that one or set %s to another address", address, variable)
	}
	return fmt.Errorf("cannot listen on %s (%w); set %s to an address of this machine", address, err, variable)
}
