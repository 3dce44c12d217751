package inventory

import (
	"context"
	"errors"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/rueidis"

	"flashsale/app/embedded/embeddedtest"
)

// What the loading script does when something has changed since Load looked. No caller can make that happen on purpose.
func TestTheLoadScriptChecksAgain(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		holders, limit, prepared []string // fields and values
		outcome                  string
		wantHolders, wantVersion string
	}{
		"missing is replaced": {
			prepared: []string{"0", "", "7", ""}, outcome: "loaded", wantHolders: "2", wantVersion: "5",
		},
		"unmarked is replaced": {
			holders: []string{"3", ""}, prepared: []string{"0", "", "7", ""},
			outcome: "loaded", wantHolders: "2", wantVersion: "5",
		},
		"loaded by somebody else stays": {
			holders: []string{"0", "", "50", "", "51", ""}, limit: []string{"limit", "9", "version", "4"},
			prepared: []string{"0", "", "7", ""}, outcome: "present", wantHolders: "3", wantVersion: "4",
		},
		"newer limit stays": {
			limit: []string{"limit", "9", "version", "6"}, prepared: []string{"0", "", "7", ""},
			outcome: "older", wantHolders: "0", wantVersion: "6",
		},
		"torn is not used": {
			limit: []string{"limit", "9", "version", "4"}, prepared: []string{"0", ""},
			outcome: "torn", wantHolders: "0", wantVersion: "4",
		},
		"gone is not used": {outcome: "torn", wantHolders: "0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, server := range scriptServers(t) {
				do := func(words ...string) string {
					out, err := server.client.Do(t.Context(), server.client.B().Arbitrary(words...).Build()).ToAny()
					if err != nil && !rueidis.IsRedisNil(err) {
						t.Fatalf("%v: %v", words, err)
					}
					return text(out)
				}
				keys := []string{server.ns + ":{s}:holders", server.ns + ":{s}:limit", server.ns + ":{s}:loading"}
				for i, fields := range [][]string{tc.holders, tc.limit, tc.prepared} {
					if fields != nil {
						do(append([]string{"HSET", keys[i]}, fields...)...)
					}
				}
				args := decimal([]int64{10, 5, 2}) // limit, version, size
				outcome, err := loadScript.Exec(t.Context(), server.client, keys, args).ToString()
				if err != nil || outcome != tc.outcome {
					t.Fatalf("outcome %q, %v; want %q", outcome, err, tc.outcome)
				}
				if n := do("HLEN", keys[0]); n != tc.wantHolders {
					t.Errorf("%s fields in the holders, want %s", n, tc.wantHolders)
				}
				if v := do("HGET", keys[1], "version"); v != tc.wantVersion {
					t.Errorf("version %q, want %q", v, tc.wantVersion)
				}
				if n := do("EXISTS", keys[2]); n != "0" {
					t.Error("the prepared holders are left behind")
				}
			}
		})
	}
}

type scriptServer struct {
	client rueidis.Client
	ns     string
}

func scriptServers(t *testing.T) []scriptServer {
	t.Helper()
	mini, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{miniredis.RunT(t).Addr()}, DisableCache: true, AlwaysRESP2: true, ForceSingleClient: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(mini.Close)
	servers := []scriptServer{{mini, "test"}}
	if embeddedtest.RealRedis() {
		servers = append(servers, scriptServer{embeddedtest.Redis(t), embeddedtest.Namespace(t)})
	}
	return servers
}

func text(reply any) string {
	switch reply := reply.(type) {
	case string:
		return reply
	case int64:
		return decimal([]int64{reply})[0]
	}
	return ""
}

func TestNumbersBecomeArguments(t *testing.T) {
	t.Parallel()
	numbers := []int64{0, 7, -7, 10, 99, 100, -100, 9223372036854775807, -9223372036854775808}
	want := []string{"0", "7", "-7", "10", "99", "100", "-100", "9223372036854775807", "-9223372036854775808"}
	for i, got := range decimal(numbers) {
		if got != want[i] {
			t.Errorf("%d became %q", numbers[i], got)
		}
	}
}

// A call that was under way when its sale was retired must not leave the process degraded for ever.
func TestAGuardThatLeftReportsNothing(t *testing.T) {
	t.Parallel()
	var said []bool
	fail := func(context.Context) (int, error) { return 0, errors.New("refused") }
	open := func() *guard {
		said = nil
		return newGuard(func(context.Context) error { return errors.New("refused") },
			func(down bool) { said = append(said, down) })
	}
	g := open()
	g.leave()
	if _, err := guarded(t.Context(), g, reserveWithin, fail); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("a failing call gave %v", err)
	}
	if len(said) != 0 {
		t.Fatalf("a guard that left said %v", said)
	}
	g = open()
	_, _ = guarded(t.Context(), g, reserveWithin, fail)
	g.leave()
	g.leave()
	if len(said) != 2 || !said[0] || said[1] {
		t.Fatalf("a guard that left while away said %v, want down and then up", said)
	}
}
