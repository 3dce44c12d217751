package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	dialTime = 5 * time.Second
	// idleMost is how long a connection may be without a request before it is not used again. A server closes one after two minutes,
	// and the request that comes then has no answer.
	idleMost = 30 * time.Second
	// Limits of an answer. The product's answers are far smaller, so a larger one is an error.
	maxFields = 64
	maxBody   = 64 << 10
)

var errAnswer = errors.New("not an HTTP/1.1 answer that bench can read")

// conn is one keep-alive connection. It writes requests as they are given, and of an answer it reads only what it needs
// to find the code and the end. This costs a tenth of net/http's client. That matters because the load generator and the
// product share one machine: CPU time that the generator uses is missing in the product. A conn belongs to one goroutine.
type conn struct {
	address string
	from    *net.TCPAddr // nil: the system chooses
	secure  *tls.Config  // nil: plain HTTP
	// fresh is true when each request has a connection of its own, two when the connection speaks HTTP/2.
	fresh, two bool
	client     *http.Client // for HTTP/2, which has net/http's client
	net        net.Conn
	r          *bufio.Reader
	body       []byte
	closing    bool
	due        time.Time // the deadline of the last request: the next one's says how long nothing was sent
}

func (c *conn) open(ctx context.Context) error {
	dialer := net.Dialer{Timeout: dialTime}
	if c.from != nil {
		dialer.LocalAddr = c.from
	}
	n, err := dialer.DialContext(ctx, "tcp", c.address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if c.secure != nil {
		t := tls.Client(n, c.secure)
		if err := t.HandshakeContext(ctx); err != nil {
			_ = n.Close()
			return fmt.Errorf("connect: %w", err)
		}
		n = t
	}
	c.net, c.closing = n, c.fresh
	if c.r == nil {
		c.r = bufio.NewReaderSize(n, 4<<10)
	} else {
		c.r.Reset(n)
	}
	return nil
}

func (c *conn) close() {
	if c.client != nil {
		c.client.CloseIdleConnections()
	}
	if c.net != nil {
		_ = c.net.Close()
		c.net = nil
	}
}

// do sends a request and reads the answer, which must be complete by the deadline. The body is valid until the next
// call. An error closes the connection, and the next call opens another one, as it does when nothing was sent for idleMost.
func (c *conn) do(ctx context.Context, request []byte, deadline time.Time) (code int, body []byte, err error) {
	if c.two {
		return c.overTwo(ctx, request, deadline)
	}
	if c.net != nil && deadline.Sub(c.due) > idleMost {
		c.close()
	}
	c.due = deadline
	if c.net == nil {
		if err := c.open(ctx); err != nil {
			return 0, nil, err
		}
	}
	if err := c.net.SetDeadline(deadline); err != nil {
		c.close()
		return 0, nil, err
	}
	if _, err = c.net.Write(request); err == nil {
		code, err = c.answer()
	}
	if err != nil || c.closing {
		c.close()
	}
	return code, c.body, err
}

// answer reads one answer and puts its body into c.body.
func (c *conn) answer() (int, error) {
	line, err := c.line()
	if err != nil {
		return 0, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return 0, fmt.Errorf("%w: %.40q", errAnswer, line)
	}
	code, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, fmt.Errorf("%w: %.40q", errAnswer, line)
	}
	length, chunked := 0, false
	for range maxFields {
		if line, err = c.line(); err != nil {
			return 0, err
		}
		if len(line) == 0 {
			return code, c.content(code, length, chunked)
		}
		if err := c.field(line, &length, &chunked); err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("%w: more than %d fields", errAnswer, maxFields)
}

// line is the next line without its line break. It is valid until the next read.
func (c *conn) line() ([]byte, error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

// field reads a header field if it says where the answer ends or that the connection closes.
func (c *conn) field(line []byte, length *int, chunked *bool) error {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimSpace(value)
	switch len(name) {
	case len("Content-Length"):
		if !bytes.EqualFold(name, []byte("Content-Length")) {
			return nil
		}
		n, err := strconv.Atoi(string(value))
		if err != nil || n < 0 || n > maxBody {
			return fmt.Errorf("%w: a body of %.20q bytes", errAnswer, value)
		}
		*length = n
	case len("Transfer-Encoding"):
		*chunked = *chunked || bytes.EqualFold(name, []byte("Transfer-Encoding")) && bytes.EqualFold(value, []byte("chunked"))
	case len("Connection"):
		c.closing = c.closing || bytes.EqualFold(name, []byte("Connection")) && bytes.EqualFold(value, []byte("close"))
	}
	return nil
}

func (c *conn) content(code, length int, chunked bool) error {
	c.body = c.body[:0]
	switch {
	case code == 204 || code == 304:
		return nil
	case chunked:
		return c.chunks()
	}
	return c.take(length)
}

// take appends n bytes to the body.
func (c *conn) take(n int) error {
	if len(c.body)+n > maxBody {
		return fmt.Errorf("%w: a body of more than %d bytes", errAnswer, maxBody)
	}
	at := len(c.body)
	c.body = append(c.body, make([]byte, n)...)
	_, err := io.ReadFull(c.r, c.body[at:])
	return err
}

func (c *conn) chunks() error {
	for {
		line, err := c.line()
		if err != nil {
			return err
		}
		size, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseUint(string(size), 16, 31)
		if err != nil {
			return fmt.Errorf("%w: a chunk of %.20q bytes", errAnswer, size)
		}
		if err := c.take(int(n)); err != nil {
			return err
		}
		if line, err = c.line(); err != nil || len(line) != 0 {
			return errors.Join(err, fmt.Errorf("%w: a chunk without an end", errAnswer))
		}
		if n == 0 {
			return nil
		}
	}
}

// overTwo is do over HTTP/2. Each conn has a connection and one stream at a time on it. The client costs several times as much as the rest
// of the generator: what such a path costs the product is its CPU, not its rate.
func (c *conn) overTwo(ctx context.Context, request []byte, deadline time.Time) (int, []byte, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request)))
	if err != nil {
		return 0, nil, fmt.Errorf("the request: %w", err)
	}
	if c.client == nil {
		c.client = &http.Client{Transport: &http.Transport{TLSClientConfig: c.secure.Clone(), ForceAttemptHTTP2: true, DisableCompression: true, Proxy: nil}}
	}
	r.RequestURI, r.URL.Scheme, r.URL.Host = "", "https", r.Host
	answer, err := c.client.Do(r.WithContext(ctx))
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.ProtoMajor != 2 {
		return 0, nil, fmt.Errorf("%w: it speaks %s", errAnswer, answer.Proto)
	}
	c.body, err = io.ReadAll(io.LimitReader(answer.Body, maxBody))
	return answer.StatusCode, c.body, err
}
