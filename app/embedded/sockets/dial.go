package sockets

import (
	"context"
	"net"
)

// Dial connects to an embedded server. Network and address are those of a client that knows nothing of it, and are
// ignored.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Dialer connects to the socket at the path; nil when there is none.
func Dialer(path string) Dial {
	if path == "" {
		return nil
	}
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
}
