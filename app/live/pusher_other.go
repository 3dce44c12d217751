//go:build !unix

package live

import "net"

// newPusher finds the way to write to a connection.
func newPusher(conn net.Conn) pusher { return waitingPusher{conn} }
