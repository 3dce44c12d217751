package config

import (
	"strings"
	"testing"
)

func TestAnSMTPServerIsReadFromItsAddress(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]SMTP{
		"smtp://smtp.example.com":                     {Host: "smtp.example.com", Port: 587},
		"smtps://u%40x:p%3A%2F@smtp.example.com":      {Host: "smtp.example.com", Port: 465, User: "u@x", Password: "p:/", Implicit: true},
		"smtp://u:p@[::1]:2525/":                      {Host: "::1", Port: 2525, User: "u", Password: "p"},
		"smtp://shop%40example.com:pw@127.0.0.1:1025": {Host: "127.0.0.1", Port: 1025, User: "shop@example.com", Password: "pw"},
	} {
		c, err := configOf(t, map[string]string{"SMTP_URL": value, "MAIL_FROM": "shop@example.com"})
		if err != nil || c.SMTP == nil || *c.SMTP != want || !c.Mails() {
			t.Errorf("%s: %+v %v", value, c.SMTP, err)
		}
	}
	const secret = "hunter2"
	for _, value := range []string{
		"smtp.example.com", "http://u:hunter2@h", "smtp://", "smtp://u:hunter2@", "smtp://u@h", "smtp://:hunter2@h", "smtp://u:hunter2@h:0", "smtp://u:hunter2@h:99999",
		"smtp://u:hunter2@h:x", "smtp://u:hun/hunter2@h", "smtp://u:#hunter2@h", "smtp://u:a?hunter2@h", "smtp://h/x", "smtp://h?a=b", "smtp://a@hunter2@h", "smtp://u:%zzhunter2@h",
	} {
		_, err := configOf(t, map[string]string{"SMTP_URL": value, "MAIL_FROM": "shop@example.com"})
		if err == nil || !strings.HasPrefix(err.Error(), "SMTP_URL is not understood") || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestMailsNeedASenderAndTheAddressOfTheShop(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		vars map[string]string
		want string // what the sentence names; "": it starts
	}{
		{map[string]string{"SMTP_URL": "smtp://mx.example"}, "MAIL_FROM"},
		{map[string]string{"SMTP_URL": "smtp://mx.example", "MAIL_FROM": "Shop <shop@example.com>"}, ""},
		{map[string]string{"SMTP_URL": "smtp://mx.example", "MAIL_FROM": "shop@example.com", "HOST": "0.0.0.0"}, "PUBLIC_URL"},
		{map[string]string{"SMTP_URL": "smtp://mx.example", "MAIL_FROM": "shop@example.com", "HOST": "0.0.0.0", "PUBLIC_URL": "https://shop.example/"}, ""},
		{map[string]string{"PUBLIC_URL": "https://shop.example/path"}, "PUBLIC_URL"},
		{map[string]string{"PUBLIC_URL": "shop.example"}, "PUBLIC_URL"},
		{map[string]string{"MAIL_FROM": "shop"}, "MAIL_FROM"},
		{map[string]string{"MAIL_FROM": "a@example.com, b@example.com"}, "MAIL_FROM"},
		{map[string]string{"MAIL_DEV": "true"}, ""},
		{map[string]string{"MAIL_DEV": "true", "HOST": "0.0.0.0"}, "MAIL_DEV"},
		{map[string]string{"MAIL_DEV": "true", "DATABASE_URL": "postgres://u:p@db/x"}, "MAIL_DEV"},
		{map[string]string{"MAIL_DEV": "true", "DATABASE_URL": "postgres://u:p@db/x", "HOST": "127.0.0.1"}, ""},
	} {
		got, err := configOf(t, c.vars)
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%v: %v, want %q", c.vars, err, c.want)
		case c.vars["PUBLIC_URL"] != "" && err == nil && got.PublicURL != "https://shop.example":
			t.Errorf("PUBLIC_URL is %q", got.PublicURL)
		}
	}
}
