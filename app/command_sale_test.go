package app

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
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
	checkPictureCommand(t, c)
}

// checkPictureCommand gives the sale pictures beside the running instance, as a brand without a desk does.
func checkPictureCommand(t *testing.T, c *instancetest.Client) {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{"drawing.svg": "<svg onload='x'>", "front.png": "", "side.png": ""}
	for name, body := range files {
		if body == "" {
			var out bytes.Buffer
			m := image.NewGray(image.Rect(0, 0, 900, 600+len(name)))
			if err := png.Encode(&out, m); err != nil {
				t.Fatal(err)
			}
			body = out.String()
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	front, side := filepath.Join(dir, "front.png"), filepath.Join(dir, "side.png")
	run := func(want int, says string, args ...string) string {
		t.Helper()
		code, out, errOut := command(t, "", append([]string{"sale", "picture"}, args...)...)
		if code != want || !strings.Contains(out+errOut, says) {
			t.Errorf("flashsale sale picture %q: exit %d, %q %q; want %d and %q", args, code, out, errOut, want, says)
		}
		return out
	}
	run(0, "no picture was uploaded")
	run(1, "drawing.svg: picture is an SVG, which can hold scripts", filepath.Join(dir, "drawing.svg"))
	run(1, "nothing.png", filepath.Join(dir, "nothing.png"))
	run(1, "only one of them", front, "--remove", "x")
	run(1, "more --alt than files", "--alt", "a", "--alt", "b", front)
	run(1, "no such sale", "--slug", "nothing", front)
	run(1, "no such picture", "--remove", strings.Repeat("0", 32))
	run(0, "side.png is a picture of sale flash-sale", front, side, "--alt", "The front")
	run(0, "front.png was a picture already of sale flash-sale", front)
	list := strings.Split(strings.TrimSpace(run(0, "400 x 270, 800 x 541  The front")), "\n")
	if len(list) != 2 {
		t.Fatalf("listed: %q", list)
	}
	first, second := list[0][:32], list[1][:32]
	shown := func(what string, then func(main string) bool) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			images, _ := c.Call("GET", "/api/flash-sale/product", nil).Body["images"].(map[string]any)
			if main, _ := images["main"].(string); then(main) {
				return
			} else if time.Now().After(deadline) {
				t.Fatalf("%s: the main picture is %q", what, main)
			}
		}
	}
	shown("the first file", func(main string) bool { return strings.Contains(main, first) })
	run(0, "another order", "--order", second+","+first)
	shown("another order", func(main string) bool { return strings.Contains(main, second) })
	run(0, "has 1 (revision", "--remove", second)
	shown("the second removed", func(main string) bool { return strings.Contains(main, first) })
}
