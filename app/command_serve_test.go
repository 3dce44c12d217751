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
		{map[string]string{"DEMO": "true", "HOST": "", "KAFKA_BROKERS": "127.0.0.1:1"}, []string{"DEMO is true", "DEMO_PUBLIC=true"}},
		{map[string]string{"PROXY_PROTOCOL": "true"}, []string{"PROXY_PROTOCOL is true", "TRUSTED_PROXIES"}},
		{map[string]string{"PROXY_PROTOCOL": "true", "TRUSTED_PROXIES": "10.0.0.1"}, []string{"PROXY_PROTOCOL is true", "DEMO_PUBLIC=true"}},
		{map[string]string{"TRUSTED_PROXIES": "10.0.0.1,proxy.example"}, []string{"TRUSTED_PROXIES is not understood (its item 2 has 13 characters)", "like 10.0.0.0/8"}},
	} {
		t.Run("", func(t *testing.T) {
			var env []string
			for name, value := range c.settings {
				env = append(env, name+"="+value)
			}
			code, said := newPlace(t, env...).run(t, "", "serve")
			if code != 1 || strings.Count(said, "\n") != 1 {
				t.Errorf("%v: exit %d %s", c.settings, code, said)
			}
			for _, words := range c.says {
				if !strings.Contains(said, words) {
					t.Errorf("%v: no %q in %s", c.settings, words, said)
				}
			}
		})
	}
}
