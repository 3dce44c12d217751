package web

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"flashsale/app/server"
)

// exchange sends raw bytes to a server as it listens, and reads one answer. open is whether the server keeps the connection
// for another request.
func exchange(t *testing.T, h http.Handler, raw string) (res *http.Response, open bool) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := server.HTTP(h)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-ended })
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(conn)
	res, err = http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if res.Close {
		if rest, err := io.ReadAll(answers); err != nil || len(rest) > 0 {
			t.Errorf("after an answer that closes the connection: %q, %v", rest, err)
		}
		return res, false
	}
	if _, err := io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := http.ReadResponse(answers, nil); err != nil {
		t.Errorf("the next request on the connection: %v", err)
	}
	return res, true
}

// Where two fields say differently how long a body is, a proxy may have seen another end of it than this server. What
// follows on the connection is then read by nobody (RFC 9112, 6.1 and 6.3).
func TestABodyOfDoubtfulLengthEndsTheConnection(t *testing.T) {
	t.Parallel()
	const body = `{"username":"alice"}`
	length := "Content-Length: " + strconv.Itoa(len(body)) + "\r\n"
	chunks := strconv.FormatInt(int64(len(body)), 16) + "\r\n" + body + "\r\n0\r\n\r\n"
	for name, c := range map[string]struct {
		version, fields, body string
		open                  bool
	}{
		"a length":                {"1.1", length, body, true},
		"no body":                 {"1.1", "", "", true},
		"chunks and a length":     {"1.1", length + "Transfer-Encoding: chunked\r\n", chunks, false},
		"chunks":                  {"1.1", "Transfer-Encoding: chunked\r\n", chunks, false},
		"HTTP/1.0, both, kept":    {"1.0", length + "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n", body, false},
		"HTTP/1.0, no body, kept": {"1.0", "Connection: keep-alive\r\n", "", true},
	} {
		res, open := exchange(t, newWorld(t).Handler(), "POST "+buy+" HTTP/"+c.version+"\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
			c.fields+"\r\n"+c.body)
		if open != c.open || c.body != "" && res.StatusCode != http.StatusCreated {
			t.Errorf("%s: %d, connection kept: %v", name, res.StatusCode, open)
		}
	}
}
