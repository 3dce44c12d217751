package app

import (
	"strings"
	"testing"
)

// What would make strangers operators, or lock everybody out, stops the start with one sentence that says what to set.
func TestTheStartIsRefusedForStrangersAsOperators(t *testing.T) {
	for _, c := range []struct {
		settings map[string]string
		says     []string
	}{
		{map[string]string{"DEMO": "true", "HOST": "0.0.0.0"}, []string{"DEMO is true", "DEMO_PUBLIC=true", "HOST=127.0.0.1"}},
		{map[string]string{"DEMO": "true", "KAFKA_BROKERS": "127.0.0.1:1"}, []string{"DEMO is true", "DEMO_PUBLIC=true"}},
		{map[string]string{"PROXY_PROTOCOL": "true"}, []string{"PROXY_PROTOCOL is true", "TRUSTED_PROXIES"}},
		{map[string]string{"PROXY_PROTOCOL": "true", "TRUSTED_PROXIES": "10.0.0.1"}, []string{"PROXY_PROTOCOL is true", "DEMO_PUBLIC=true"}},
		{map[string]string{"TRUSTED_PROXIES": "10.0.0.1,proxy.example"}, []string{"TRUSTED_PROXIES is not understood (its item 2 has 13 characters)", "like 10.0.0.0/8"}},
	} {
		t.Run("", func(t *testing.T) {
			t.Setenv("DATA_DIR", t.TempDir())
			for name, value := range c.settings {
				t.Setenv(name, value)
			}
			code, out, errOut := command(t, "", "serve")
			if code != 1 || strings.Count(errOut, "\n") != 1 {
				t.Errorf("%v: exit %d %s%s", c.settings, code, out, errOut)
			}
			for _, words := range c.says {
				if !strings.Contains(errOut, words) {
					t.Errorf("%v: no %q in %s", c.settings, words, errOut)
				}
			}
		})
	}
}
