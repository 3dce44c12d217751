package stress

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	requestTimeout  = 15 * time.Second
	operatorTimeout = 2 * time.Minute // seeding a million accounts takes a while
	maxBody         = 1 << 20
)

// client is a bounded set of keep-alive connections to the instances.
type client struct {
	bases []string
	http  *http.Client
	// slots are taken while a request is under way: one for each connection.
	slots chan struct{}
}

func newClient(bases []string, connections int) *client {
	transport := &http.Transport{
		// No proxy: its time is measured too, and it hides which server answers.
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		MaxConnsPerHost:     connections,
		MaxIdleConnsPerHost: connections,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true,
		WriteBufferSize:     2 << 10,
		ReadBufferSize:      2 << 10,
	}
	return &client{
		bases: bases,
		slots: make(chan struct{}, connections),
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
	}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// reply is an answer that has been read to its end.
type reply struct {
	code       int
	body       []byte
	location   string
	cookies    []*http.Cookie
	retryAfter time.Duration
	// took is from sending the request to having read the answer; slot is how long it waited for a connection before.
	took, slot time.Duration
}

// send makes one request with the given deadline. Any status is a reply; an error means there was none.
func (c *client) send(ctx context.Context, limit time.Duration, method, url string, body any) (reply, error) {
	return c.sendAs(ctx, nil, limit, method, url, body)
}

// sendAs is send as an account; nil: as nobody.
func (c *client) sendAs(ctx context.Context, who *Account, limit time.Duration, method, url string, body any) (reply, error) {
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return reply{}, err
		}
		content = bytes.NewReader(raw)
	}
	queued := time.Now()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return reply{}, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		return reply{}, err
	}
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if who != nil {
		who.sign(request)
	}
	sent := time.Now()
	r, err := c.roundTrip(request)
	r.slot, r.took = sent.Sub(queued), time.Since(sent)
	return r, err
}

func (c *client) roundTrip(request *http.Request) (reply, error) {
	response, err := c.http.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return reply{}, fmt.Errorf("read answer: %w", err)
	}
	r := reply{code: response.StatusCode, body: body, location: response.Header.Get("Location"), cookies: response.Cookies()}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds >= 0 {
		r.retryAfter = time.Duration(min(seconds, 3600)) * time.Second
	}
	return r, nil
}

// decode reads the JSON document of a reply.
func (r reply) decode(into any) error {
	if err := json.Unmarshal(r.body, into); err != nil {
		return fmt.Errorf("answer %d is not the JSON expected: %w", r.code, err)
	}
	return nil
}
