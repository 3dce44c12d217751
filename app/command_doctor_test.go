package app

import (
	"net/http"
	"strings"
	"testing"

	"flashsale/app/instance/instancetest"
)

// Beside a running instance the doctor shows for how many clients that one has room, and what it had to refuse or leave unread.
func TestDoctorShowsTheRoomForClients(t *testing.T) {
	d := instancetest.Empty(t)
	d.Config.Demo = false
	for name, value := range map[string]string{
		"NAMESPACE": d.Config.Namespace, "DATA_DIR": t.TempDir(), "DATABASE_URL": d.Servers.DatabaseURL, "REDIS_URL": d.Servers.RedisURL,
		"KAFKA_BROKERS": strings.Join(d.Servers.KafkaBrokers, ","), "OPS_ADDR": "127.0.0.1:1",
	} {
		t.Setenv(name, value)
	}
	if _, out, errOut := command(t, "", "doctor"); !strings.Contains(out, "ok       room        an instance started from here: ") {
		t.Errorf("without an instance: %s%s", out, errOut)
	}
	d.Config.OpsAddr, d.Config.OpsStrict = "127.0.0.1:"+unusedPort(t), true
	t.Setenv("OPS_ADDR", d.Config.OpsAddr)
	a := start(t, d)
	says := func(words string, want bool) {
		t.Helper()
		if _, out, errOut := command(t, "", "doctor"); strings.Contains(out, words) != want {
			t.Errorf("it says %q: %v; %s%s", words, !want, out, errOut)
		}
	}
	says("room        the instance at "+d.Config.OpsAddr+": ", true)
	says(" connections of clients, at most ", true)
	says("TRUSTED_PROXIES", false)
	for range 2 {
		instancetest.NewClient(t, a.URL()).Act(http.MethodGet, "/livez", nil, "X-Forwarded-For: 203.0.113.1")
	}
	says("proxies     2 requests had Forwarded or X-Forwarded-For", true)
}
