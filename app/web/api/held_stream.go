package api

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

// heldStream is a stream that keeps its request: in HTTP/2 other requests share the connection, and over TLS what is written is
// encrypted first, so the feed cannot write to the connection itself. The feed leaves each frame here, and the request's goroutine
// writes it. That costs a goroutine and buffers for each stream, which a proxy in front that ends TLS saves.
type heldStream struct {
	left   <-chan struct{} // closed when the client has left or its request is over
	frames chan []byte     // the frame that is to be written next
	done   chan struct{}   // closed by Close, or when the client takes nothing any more
	once   sync.Once
}

func newHeldStream(ctx context.Context) *heldStream {
	return &heldStream{left: ctx.Done(), frames: make(chan []byte, 1), done: make(chan struct{})}
}

// Push leaves a frame; it takes nothing while the one before waits.
func (h *heldStream) Push(b []byte) (int, error) {
	if h.HungUp() {
		return 0, net.ErrClosed
	}
	select {
	case h.frames <- b:
		return len(b), nil
	default:
		return 0, nil
	}
}

// HungUp reports whether the stream is over.
func (h *heldStream) HungUp() bool {
	select {
	case <-h.left:
		return true
	case <-h.done:
		return true
	default:
		return false
	}
}

// Close ends the stream after the frame that was left.
func (h *heldStream) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

// serve writes the first frame and those that are left, until the stream is over.
func (h *heldStream) serve(res *echo.Response, first []byte) {
	defer func() { _ = h.Close() }()
	head := res.Header()
	head.Set("Content-Type", "text/event-stream; charset=utf-8")
	head.Set("X-Accel-Buffering", "no") // asks proxies not to buffer the stream
	res.WriteHeader(http.StatusOK)
	if !write(res, first) {
		return
	}
	for {
		select {
		case b := <-h.frames:
			if !write(res, b) {
				return
			}
		case <-h.left:
			return
		case <-h.done:
			select {
			case b := <-h.frames:
				write(res, b)
			default:
			}
			return
		}
	}
}

// write sends a frame at once; false when the client does not take it in time.
func write(res *echo.Response, frame []byte) bool {
	to := http.NewResponseController(res.Writer)
	_ = to.SetWriteDeadline(time.Now().Add(frameTime)) // a recorder of a test has none
	if _, err := res.Write(frame); err != nil {
		return false
	}
	return to.Flush() == nil
}
