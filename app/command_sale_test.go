package app

import (
	"strings"
	"testing"
	"time"

	"flashsale/app/instance/instancetest"
	"flashsale/events/audit"
)

// An instance runs on its embedded servers, and another process, the command, changes its sale.
func TestSaleSetBesideARunningInstance(t *testing.T) {
	c, servers := besideInstance(t)
	end := time.Now().UTC().Add(2 * time.Hour).Truncate(time.Second)
	for _, step := range []struct {
		args string
		code int
		says string
	}{
		{"sale set", 1, "nothing to change"},
		{"sale set --start tomorrow", 1, `--start is "tomorrow"; it must be a time like`},
		{"sale set --stock -1", 1, "--stock must be from 0"},
		{"sale set --message " + strings.Repeat("a", 201), 1, "--message must have at most 200 characters, and has 201"},
		{"sale set --message Soon!", 0, "sale flash-sale: active"},
		{"sale set --slug nothing --stock 1", 1, "no such sale"},
		{"sale set --end 2001-01-01T00:00:00Z", 1, "endTime must lie after the start"},
		{"sale set --stock 33 --end " + end.Format(time.RFC3339), 0, "sale flash-sale: active"},
	} {
		code, out, errOut := command(t, "", strings.Fields(step.args)...)
		if code != step.code || !strings.Contains(out+errOut, step.says) {
			t.Errorf("flashsale %s: exit %d, %q %q; want %d and %q", step.args, code, out, errOut, step.code, step.says)
		}
	}
	shown := func() instancetest.Reply {
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			if r := c.Status(); r.Number("maxStock") == 33 || time.Now().After(deadline) {
				return r
			}
		}
	}
	if now := shown(); now.Number("maxStock") != 33 || now.Text("endTime") != end.Format("2006-01-02T15:04:05.000Z") || now.Number("revision") != 3 || now.Text("message") != "Soon!" {
		t.Errorf("the instance shows %s", now.Raw)
	}
	recent, err := audit.New(servers.Pool()).Recent(t.Context(), 1)
	if err != nil || recent[0].Action != "sale.amend" || recent[0].Actor != "operator" || recent[0].Subject != "flash-sale" {
		t.Errorf("recorded %+v (%v)", recent, err)
	}
}
