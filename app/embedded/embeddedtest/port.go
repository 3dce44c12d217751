package embeddedtest

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// FreePort finds a port of this machine for a server that binds it later, or again after it was killed. It lies below
// the range of outgoing connections, so that none of the thousands that tests open can take it in between, and none is
// named twice in a process.
func FreePort() (int, error) {
	for range 200 {
		port := 20000 + rand.IntN(12000)
		if _, again := named.LoadOrStore(port, true); again {
			continue
		}
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no port between 20000 and 32000 is free")
}

// named holds the ports that FreePort has given away.
var named sync.Map
