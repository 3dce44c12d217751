package claimlog

import "testing"

// Breakable is a second log on the same topics, and what breaks its connections.
func Breakable(t *testing.T, log *Log) (_ *Log, cut func(), hang func(bool)) {
	l, f := faultyLog(&world{T: t, log: log})
	return l, f.cut, f.hang
}
