package redis

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/goleak"

	"flashsale/app/embedded/sockets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestBothWaysAskForThePassword: a pipe and a socket reach the same data.
func TestBothWaysAskForThePassword(t *testing.T) {
	t.Parallel()
	d, err := sockets.Make(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Remove)
	s := Start()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := s.Dial(context.Background(), "", ""); err == nil {
			t.Error("dialed after the close")
		}
	})
	if err := s.Listen(d.Socket(sockets.Redis)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	for name, dial := range map[string]sockets.Dial{"pipe": s.Dial, "socket": sockets.Dialer(d.Socket(sockets.Redis))} {
		option, err := rueidis.ParseURL(s.URL())
		if err != nil {
			t.Fatal(err)
		}
		option.ForceSingleClient = true
		option.DialCtxFn = func(ctx context.Context, _ string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return dial(ctx, "", "")
		}
		client, err := rueidis.NewClient(option)
		if err != nil {
			t.Fatal(name, err)
		}
		if n, err := client.Do(ctx, client.B().Incr().Key("k").Build()).AsInt64(); err != nil || n == 0 {
			t.Errorf("%s: %d %v", name, n, err)
		}
		if n, err := client.Do(ctx, client.B().Strlen().Key("k").Build()).AsInt64(); err != nil || n != 1 {
			t.Errorf("%s: %d %v", name, n, err)
		}
		client.Close()
		option.Password = ""
		client, err = rueidis.NewClient(option)
		if err != nil {
			continue
		}
		if err := client.Do(ctx, client.B().Get().Key("k").Build()).Error(); err == nil || !strings.Contains(err.Error(), "NOAUTH") {
			t.Errorf("%s: a client without the password was let in: %v", name, err)
		}
		client.Close()
	}
}
