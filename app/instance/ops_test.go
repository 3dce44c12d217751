package instance

import (
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"
)

// The operators' listener of an instance: what its settings say is what it does.
func TestTheOperatorsListenerAsItIsSet(t *testing.T) {
	t.Parallel()
	const token = "0123456789abcdef"
	for _, c := range []struct {
		address, token string
		warned         bool
		host, sent     string
		code           int
	}{
		{"127.0.0.1:0", "", false, "", "", http.StatusOK},
		{"127.0.0.1:0", "", false, "evil.example", "", http.StatusMisdirectedRequest},
		{"0.0.0.0:0", "", true, "", "", http.StatusOK},
		{"0.0.0.0:0", token, false, "", "", http.StatusUnauthorized},
		{"0.0.0.0:0", token, false, "evil.example", "Bearer " + token, http.StatusOK},
	} {
		d, logged := newDeployment(t), &warnings{}
		d.Log = slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelWarn}))
		d.Config.OpsAddr, d.Config.OpsToken, d.Config.OpsStrict = c.address, c.token, true
		a := d.start(t)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+a.OpsAddr()+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = c.host
		if c.sent != "" {
			r.Header.Set("Authorization", c.sent)
		}
		res, err := (&http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.StatusCode != c.code {
			t.Errorf("%+v: %d", c, res.StatusCode)
		}
		if said := logged.with("OPS_ADDR"); len(said) > 0 != c.warned {
			t.Errorf("%+v: logged %q", c, said)
		}
	}
}
