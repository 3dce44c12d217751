package request

import (
	"errors"
	"io"
	"net"
)

// unavailable tells a server that does not answer from a fault of ours: the network's errors, a connection that broke
// off, and what a database says when it cannot take us right now. It knows them by their methods, because this package
// imports no driver.
func unavailable(err error) bool {
	var (
		network net.Error
		state   interface{ SQLState() string }
		retry   interface{ SafeToRetry() bool }
	)
	switch {
	case errors.As(err, &state):
		return unavailableState(state.SQLState())
	case errors.As(err, &retry) && retry.SafeToRetry():
		return true
	case errors.As(err, &network):
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// unavailableState: classes 08 (connection), 53 (no resources) and 57 (stopped by its operator).
func unavailableState(code string) bool {
	return len(code) == 5 && (code[:2] == "08" || code[:2] == "53" || code[:2] == "57")
}
