package instance

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
)

// A start seals what the version before has left open, and says how many second factors have lost their key.
func TestAStartSealsSecondFactors(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.Config.Demo, d.Config.SessionKeys = false, [][]byte{bytes.Repeat([]byte{1}, 32)}
	a := d.start(t)
	const secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	kept := func(ctx context.Context) (text string) {
		if err := a.wiring.servers.pool.QueryRow(ctx, `SELECT secret FROM second_factors`).Scan(&text); err != nil {
			t.Fatal(err)
		}
		return text
	}
	if _, err := a.wiring.servers.pool.Exec(t.Context(), `INSERT INTO second_factors (user_id, secret, confirmed_at)
		SELECT min(id), $1, now() FROM users`, secret); err != nil {
		t.Fatal(err)
	}
	d.start(t)
	if text := kept(t.Context()); strings.Contains(text, secret) || text == "" {
		t.Errorf("after a start: %s", text)
	}
	var log warnings
	d.Log, d.Config.SessionKeys = slog.New(slog.NewTextHandler(&log, nil)), [][]byte{bytes.Repeat([]byte{2}, 32)}
	d.start(t)
	if said := log.with("SESSION_KEYS"); len(said) != 1 || !strings.Contains(said[0], `"second factors"=1`) {
		t.Errorf("without the key: %q", said)
	}
}
