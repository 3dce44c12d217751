package config

import (
	"slices"
	"strings"
	"testing"
)

func TestCertificatesByACME(t *testing.T) {
	t.Parallel()
	c, err := configOf(t, map[string]string{"ACME_EMAIL": "admin@shop.example", "ACME_HOSTS": "Shop.example, www.shop.example,shop.EXAMPLE,xn--bcher-kva.example"})
	if err != nil || c.ACME == nil || !c.TLS() {
		t.Fatalf("%+v, %v", c.ACME, err)
	}
	if !slices.Equal(c.ACME.Hosts, []string{"shop.example", "www.shop.example", "xn--bcher-kva.example"}) || c.ACME.CA != letsEncrypt || c.ACME.Email != "admin@shop.example" {
		t.Errorf("%+v", c.ACME)
	}
	if c, err := configOf(t, nil); err != nil || c.ACME != nil || c.TLS() {
		t.Errorf("nothing set: %+v, %v", c.ACME, err)
	}
}

func TestWrongSettingsOfACMEStopTheStart(t *testing.T) {
	t.Parallel()
	ok := map[string]string{"ACME_EMAIL": "admin@shop.example", "ACME_HOSTS": "shop.example"}
	for _, one := range []struct{ name, value, want string }{
		{"TLS_CERT", "/etc/c.pem", "TLS_KEY is not set beside TLS_CERT"},
		{"ACME_EMAIL", "", "ACME_EMAIL is not set beside ACME_HOSTS; it must be the address of whoever agrees to the authority's terms"},
		{"ACME_HOSTS", "", "ACME_HOSTS is not set beside ACME_EMAIL or ACME_CA; it must be the names"},
		{"ACME_EMAIL", "Admin <admin@shop.example>", "ACME_EMAIL is not understood (it has 26 characters); it must be an e-mail address"},
		{"ACME_EMAIL", "admin", "ACME_EMAIL is not understood"},
		{"ACME_HOSTS", "shop.example,*.shop.example", "ACME_HOSTS is not understood (its item 2 has 14 characters); it must be names of hosts without wildcards"},
		{"ACME_HOSTS", "192.0.2.1", "ACME_HOSTS is not understood"},
		{"ACME_HOSTS", "[2001:db8::1]", "ACME_HOSTS is not understood"},
		{"ACME_HOSTS", "shop.example:443", "ACME_HOSTS is not understood"},
		{"ACME_HOSTS", "shop_.example", "ACME_HOSTS is not understood"},
		{"ACME_HOSTS", "bücher.example", "ACME_HOSTS is not understood"},
		{"ACME_HOSTS", "-shop.example", "ACME_HOSTS is not understood"},
		{"ACME_HOSTS", strings.Repeat("a.", 127) + "example", "ACME_HOSTS is not understood"},
		{"ACME_HOSTS", "a" + strings.Join(strings.Split("bcdefghijklmnopqrstuvwxyz", ""), ".x,") + ".x,zz.x", "ACME_HOSTS is of more than 25 names; it must be of 25 names at most"},
		{"ACME_CA", "http://ca.example/directory", "ACME_CA is not understood (it has 27 characters); it must be the https:// address of an ACME directory"},
		{"ACME_CA", "https://user:secret@ca.example/directory", "ACME_CA is not understood"},
		{"ACME_CA", "ca.example", "ACME_CA is not understood"},
	} {
		vars := map[string]string{one.name: one.value}
		for name, value := range ok {
			if name != one.name {
				vars[name] = value
			}
		}
		if _, err := configOf(t, vars); err == nil || !strings.HasPrefix(err.Error(), one.want) {
			t.Errorf("%s=%s: %v, want %s", one.name, one.value, err, one.want)
		}
	}
	_, err := configOf(t, map[string]string{"ACME_EMAIL": "admin@shop.example", "ACME_HOSTS": "shop.example", "TLS_CERT": "/etc/c.pem", "TLS_KEY": "/etc/k.pem"})
	if want := "ACME_HOSTS is set beside TLS_CERT; it must be left out, or TLS_CERT and TLS_KEY be left out, because the public listener shows the one or the other"; err == nil || err.Error() != want {
		t.Errorf("with a certificate of files: %v", err)
	}
}
