package embedded

import (
	"crypto/rand"
	"fmt"
	"net/url"

	"github.com/alicebob/miniredis/v2"
)

// redis is miniredis: a cache here, whose contents may vanish with the process.
type redis struct {
	server   *miniredis.Miniredis
	password string
}

func startRedis() (*redis, error) {
	r := &redis{server: miniredis.NewMiniRedis(), password: rand.Text()}
	r.server.RequireAuth(r.password)
	if err := r.server.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("start the embedded Redis: %w", err)
	}
	// Without it keys never expire outside of miniredis' own tests.
	r.server.ClockTTL(true)
	return r, nil
}

// url carries the options that clients of miniredis need, for those who have nothing but the address.
func (r *redis) url() string {
	u := url.URL{
		Scheme:   "redis",
		User:     url.UserPassword("", r.password),
		Host:     r.server.Addr(),
		RawQuery: "protocol=2&client_cache=0",
	}
	return u.String()
}

func (r *redis) service() Service {
	return Service{Name: "Redis", Version: "miniredis", Address: r.server.Addr()}
}

func (r *redis) close() { r.server.Close() }
