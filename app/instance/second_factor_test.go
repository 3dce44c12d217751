package instance

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"flashsale/app/operator"
	"flashsale/events/audit"
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

// The first code gives the browser another session. The page that answers it is for who is signed in.
func TestTheRecoveryCodesAreShownToWhoIsSignedIn(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.Config.Demo = false
	a := d.start(t)
	link, err := a.wiring.acts.InviteFirstOwner(t.Context(), operator.Act{ActKey: audit.ActKey{Principal: "operator"}, Means: "command"})
	if err != nil {
		t.Fatal(err)
	}
	v := newVisitor(t, a.URL())
	v.post("/invitations/"+link.Token, form{"username": "odile", "password": goodPassword})
	code, err := totp.GenerateCode(v.get("/account/second-factor").Text("secret"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	v.header = map[string]string{"Accept": "text/html"}
	r := v.post("/account/second-factor", form{"code": code})
	if r.Status != http.StatusOK || !strings.Contains(r.Raw, "shown once") || !strings.Contains(r.Raw, "odile") || strings.Contains(r.Raw, "/sign-in") {
		t.Errorf("%d %s", r.Status, r.Raw)
	}
}
