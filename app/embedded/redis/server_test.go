package redis

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strconv"
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

// Keys expire, and those that are there cost a command nothing: with 20,000 of them a script takes about as long as with none.
func TestKeysExpireAndCostCommandsNothing(t *testing.T) {
	t.Parallel()
	s := Start()
	t.Cleanup(func() { _ = s.Close() })
	option, err := rueidis.ParseURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	option.ForceSingleClient = true
	option.DialCtxFn = func(ctx context.Context, _ string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) {
		return s.Dial(ctx, "", "")
	}
	client, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	ctx := t.Context()
	if err := client.Do(ctx, client.B().Set().Key("short").Value("v").Px(time.Second).Build()).Error(); err != nil {
		t.Fatal(err)
	}
	script := rueidis.NewLuaScript("for i = 1, 100 do redis.call('GET', KEYS[1]) end return 1")
	scripts := func() time.Duration {
		took := make([]time.Duration, 15)
		for n := range took {
			began := time.Now()
			if err := script.Exec(ctx, client, []string{"k"}, nil).Error(); err != nil {
				t.Fatal(err)
			}
			took[n] = time.Since(began)
		}
		return slices.Min(took)
	}
	few := scripts()
	var many rueidis.Commands
	for n := range 20_000 {
		many = append(many, client.B().Set().Key("key:"+strconv.Itoa(n)).Value("v").Ex(time.Hour).Build())
	}
	for _, r := range client.DoMulti(ctx, many...) {
		if err := r.Error(); err != nil {
			t.Fatal(err)
		}
	}
	if all := scripts(); all > 20*few {
		t.Errorf("a script takes %v beside 20,000 keys, %v without", all, few)
	}
	for {
		found, err := client.Do(ctx, client.B().Exists().Key("short").Build()).AsInt64()
		if err != nil {
			t.Fatal(err)
		}
		if found == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if left, err := client.Do(ctx, client.B().Dbsize().Build()).AsInt64(); err != nil || left != 20_000 {
		t.Errorf("%d keys are left, %v", left, err)
	}
}

// TestManyCommandsAreWrittenBeforeTheFirstAnswerIsRead: a client that pipelines reads when it has written all.
func TestManyCommandsAreWrittenBeforeTheFirstAnswerIsRead(t *testing.T) {
	t.Parallel()
	s := Start()
	t.Cleanup(func() { _ = s.Close() })
	conn, err := s.Dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	const commands, size = 20, 1000
	text := strings.Repeat("x", size)
	wanted := "-NOAUTH Authentication required.\r\n"
	all := strings.Repeat("*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$"+strconv.Itoa(size)+"\r\n"+text+"\r\n", commands)
	if _, err := conn.Write([]byte(all)); err != nil {
		t.Fatal("the commands were not taken: ", err)
	}
	answers := make([]byte, commands*len(wanted))
	if _, err := io.ReadFull(conn, answers); err != nil || string(answers) != strings.Repeat(wanted, commands) {
		t.Fatalf("%q %v", answers, err)
	}
}
