package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flashsale/app/config"
	"flashsale/app/embedded/embeddedtest"
	"flashsale/app/instance"
	"flashsale/app/instance/instancetest"
	"flashsale/events/audit"
	"flashsale/users"
)

// besideInstance runs an instance on embedded servers of its own, for commands beside it, and opens its database.
func besideInstance(t *testing.T) (*instancetest.Client, *instance.Servers) {
	t.Helper()
	return besideInstanceWith(t, func(*config.Config) {})
}

// besideInstanceWith is besideInstance for an instance with other settings.
func besideInstanceWith(t *testing.T, change func(*config.Config)) (*instancetest.Client, *instance.Servers) {
	t.Helper()
	t.Setenv("DATA_DIR", filepath.Join(t.TempDir(), "data"))
	t.Setenv("NAMESPACE", embeddedtest.Namespace(t))
	cfg, err := config.Load()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Port, cfg.Hosts, cfg.OpsAddr, cfg.Demo = 0, []string{"127.0.0.1"}, "", true
	change(&cfg)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	a, err := instance.Start(ctx, cfg, slog.New(slog.DiscardHandler), instancetest.Writer{T: t})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop(t, a)
		if code, out, errOut := command(t, "", "reset", "--wipe", "--yes"); code != 0 {
			t.Errorf("wipe: %s%s", out, errOut)
		}
	})
	servers, err := instance.FindServers(ctx, cfg, slog.New(slog.DiscardHandler), instancetest.Writer{T: t})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = servers.Close(context.Background()) })
	if err := servers.OpenDatabase(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	return instancetest.NewClient(t, a.URL()), servers
}

// recorded is what the audit log says, oldest first.
func recorded(t *testing.T, s *instance.Servers) (all []string) {
	t.Helper()
	list, err := audit.New(s.Pool()).Recent(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range slices.Backward(list) {
		all = append(all, e.Action+" "+string(e.Detail))
	}
	return all
}

// A seeding that is killed with kill -9 has left its start in the audit log. Calling it again completes it.
func TestASeedingThatIsKilledLeavesItsStart(t *testing.T) {
	c, servers := besideInstance(t)
	const many = 50 * users.Chunk
	killed := exec.CommandContext(t.Context(), os.Args[0], "seed", fmt.Sprint(many))
	killed.Env = append(os.Environ(), asProgram+"=1")
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	exist := func() int64 {
		var n int64
		if err := servers.Pool().QueryRow(t.Context(), `SELECT live FROM roster`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	instancetest.Eventually(t, "the second chunk", func() bool { return exist() >= 2*users.Chunk })
	_ = killed.Process.Kill()
	_ = killed.Wait()
	start := fmt.Sprintf(`users.seed-started {"created": 0, "userCount": %d}`, many)
	if got := recorded(t, servers); !slices.Equal(got, []string{start}) {
		t.Errorf("recorded %q, want %q", got, start)
	}
	// A command that was killed is no act under way.
	again := int(exist()) + 2*users.Chunk
	code, out, errOut := command(t, "", "seed", fmt.Sprint(again))
	if code != 0 || !strings.Contains(out, fmt.Sprintf("the first %d of the series exist", again)) {
		t.Errorf("exit %d %s%s", code, out, errOut)
	}
	got := recorded(t, servers)
	if len(got) != 3 || !strings.HasPrefix(got[1], "users.seed-started ") || !strings.HasPrefix(got[2], "users.seed {") {
		t.Errorf("recorded %q", got)
	}
	c.Act("GET", "/api/flash-sale/status", nil).Is(t, 200, "")
}

// The command made the shoppers in one act and began the generation in another.
func TestAResetByCommandIsOneAct(t *testing.T) {
	c, servers := besideInstance(t)
	if code, out, errOut := command(t, "", "reset", "--stock", "7", "--users", "35"); code != 0 || !strings.Contains(out, "generation 2 begins, 7 units") {
		t.Errorf("exit %d %s%s", code, out, errOut)
	}
	if got, want := recorded(t, servers), []string{
		`sale.reset {"after": {"stock": 7, "revision": 2, "generation": 2}, "before": {"stock": 5, "revision": 1, "generation": 1}, "stockAmount": 7}`,
	}; !slices.Equal(got, want) {
		t.Errorf("recorded %q, want %q", got, want)
	}
	if total := c.Call("GET", "/api/users", nil).Body["pagination"].(map[string]any)["total"]; total != 45.0 {
		t.Errorf("%v shoppers exist", total)
	}
	if code, _, errOut := command(t, "", "reset", "--users", "-1"); code != 1 || !strings.Contains(errOut, "--users must be from 0 to") {
		t.Errorf("exit %d %s", code, errOut)
	}
}
