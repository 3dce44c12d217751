package app

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"flashsale/app/config"
	"flashsale/app/instance"
)

// admin runs one of the commands with that input, and fails the test unless it ends and speaks as said.
func admin(t *testing.T, stdin string, code int, says string, args ...string) string {
	t.Helper()
	got, out, errOut := command(t, stdin, append([]string{"admin"}, args...)...)
	if got != code || !strings.Contains(out+errOut, says) {
		t.Errorf("flashsale admin %s: exit %d, %q %q; want %d and %q", strings.Join(args, " "), got, out, errOut, code, says)
	}
	return out
}

var link = regexp.MustCompile(`(http://\S+)/invitations/([A-Za-z0-9_-]{22}) `)

// Beside an instance that is not in demo mode, an operator makes owners and the rest of the team, and every act is recorded.
func TestTheTeamByCommand(t *testing.T) {
	c, servers := besideInstanceWith(t, func(cfg *config.Config) { cfg.Demo = false })
	_, port, _ := strings.Cut(strings.TrimPrefix(c.Base, "http://"), ":")
	t.Setenv("PORT", port) // the shop's address for a command that finds no run file, because every server is configured
	admin(t, "", 0, "nobody has a role", "list")
	var tokens []string
	for range 2 {
		found := link.FindStringSubmatch(admin(t, "", 0, "Create the first owner: "+c.Base+"/invitations/", "invite"))
		if found == nil {
			t.Fatal("no link")
		}
		tokens = append(tokens, found[2])
	}
	if tokens[0] == tokens[1] {
		t.Error("a new link has the token of the one before")
	}
	admin(t, "a long enough pass phrase of mine\n", 0, "Anna is an owner", "create", "Anna", "--role", "owner")
	for _, step := range []struct {
		args, stdin string
		code        int
		says        string
	}{
		{"invite", "", 1, "there is an owner; say with --role"},
		{"invite --role king", "", 1, `there is no role "king"`},
		{"invite --role viewer", "", 0, "Become a viewer: " + c.Base + "/invitations/"},
		{"create ANNA --role viewer", "a long enough pass phrase of mine\n", 1, "there is or was an account"},
		{"create bert --role viewer", "password1\n", 1, "no account was made"},
		{"create bert --role viewer", "", 1, "no account was made"},
		{"create bert", "a long enough pass phrase of mine\n", 1, `there is no role ""`},
		{"create a@b --role viewer", "a long enough pass phrase of mine\n", 1, "no account was made"},
		{"role anna none", "", 1, "anna is the last owner"},
		{"role nobody_at_all viewer", "", 1, `there is no account "nobody_at_all"`},
		{"role john_doe king", "", 1, `there is no role "king"`},
		{"role john_doe operator", "", 0, "john_doe is an operator; who is signed in"},
		{"role john_doe operator", "", 0, "john_doe is an operator, as before"},
		{"reset-second-factor anna", "", 0, "anna had no second factor"},
		{"reset-second-factor nobody_at_all", "", 1, `there is no account "nobody_at_all"`},
		{"rotate-keys", "", 0, "stay valid"},
		{"rotate-keys --forget", "", 0, "everybody has to sign in again"},
		{"role john_doe none", "", 0, "john_doe has no role"},
		{"invite --role nobody --x", "", 1, "unknown flag"},
	} {
		admin(t, step.stdin, step.code, step.says, strings.Fields(step.args)...)
	}
	t.Setenv("SESSION_KEYS", base64.StdEncoding.EncodeToString(make([]byte, 32)))
	admin(t, "", 1, "SESSION_KEYS is set", "rotate-keys", "--forget")
	if out := admin(t, "", 0, "Anna", "list"); !regexp.MustCompile(`^Anna +owner +no second factor +since \S+ \S+ UTC, by operator\n$`).MatchString(out) {
		t.Errorf("the team is %q", out)
	}
	got := recorded(t, servers)
	for i := range got {
		got[i], _, _ = strings.Cut(got[i], " ")
	}
	want := []string{"team.invite-first-owner", "team.invite-first-owner", "team.role", "team.invite", "team.role", "session-keys.rotate", "session-keys.rotate", "team.role"}
	if !slices.Equal(got, want) {
		t.Errorf("recorded %q, want %q", got, want)
	}
	var means []string
	var all string
	if err := servers.Pool().QueryRow(t.Context(), `SELECT array_agg(DISTINCT means), string_agg(a::text, ' ') FROM audit_log a`).Scan(&means, &all); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(means, []string{"command"}) || strings.Contains(all, tokens[1]) || strings.Contains(all, "pass phrase") {
		t.Errorf("by %q: %s", means, all)
	}
}

// In demo mode everybody is an operator: a credential made there would be somebody's who happened to come by.
func TestNoOperatorIsMadeInDemoMode(t *testing.T) {
	_, servers := besideInstance(t)
	t.Setenv("DEMO", "true")
	t.Setenv("DEMO_PUBLIC", "true") // with configured servers, HOST is every address
	for _, args := range []string{"invite", "invite --role owner", "create anna --role owner", "role john_doe owner", "reset-second-factor john_doe", "rotate-keys"} {
		admin(t, "a long enough pass phrase of mine\n", 1, "start with DEMO=false first", strings.Fields(args)...)
	}
	admin(t, "", 0, "nobody has a role", "list")
	if got := recorded(t, servers); len(got) != 0 {
		t.Errorf("recorded %q", got)
	}
	if os.Getenv("DATABASE_URL") != "" {
		return // there is no run file, so the command's environment decides
	}
	t.Setenv("DEMO", "false") // of the command's environment; the instance that runs is asked first
	admin(t, "", 1, "start with DEMO=false first", "invite")
}

// A run file says whether the instance is in demo mode.
func TestTheRunFileNamesTheMode(t *testing.T) {
	if os.Getenv("DATABASE_URL") != "" {
		t.Skip("an instance writes a run file for the servers that it has started, and here all are configured")
	}
	besideInstanceWith(t, func(cfg *config.Config) { cfg.Demo = false })
	cfg, err := config.Load()
	if err != nil {
		t.Fatal(err)
	}
	if running, found, err := instance.FindRunning(cfg); err != nil || !found || running.Demo || running.URL == "" {
		t.Errorf("%+v %v %v", running, found, err)
	}
	raw, err := os.ReadFile(filepath.Join(cfg.DataDir, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil || fields["demo"] != nil {
		t.Errorf("%s %v", raw, err)
	}
}
