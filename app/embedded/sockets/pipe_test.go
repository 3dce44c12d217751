package sockets

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

func TestAPipeHoldsWhatIsWritten(t *testing.T) {
	t.Parallel()
	client, server := Pipe()
	for _, c := range []io.Writer{client, server} {
		if _, err := c.Write(make([]byte, pipeSize)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []io.Reader{client, server} {
		if _, err := io.ReadFull(c, make([]byte, pipeSize)); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the other end read %v", err)
	}
	if _, err := server.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the other end wrote: %v", err)
	}
}

// Clients know a deadline by its error.
func TestADeadlineOfAPipe(t *testing.T) {
	t.Parallel()
	client, server := Pipe()
	defer func() { _ = client.Close() }()
	if err := server.SetDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	if _, err := server.Write(make([]byte, 2*pipeSize)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write: %v", err)
	}
}
