package config

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func fileOf(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestASecretMayBeInAFile(t *testing.T) {
	t.Parallel()
	key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	c, err := configOf(t, map[string]string{
		"DATABASE_URL_FILE": fileOf(t, "postgres://u:p@db/x\n"), "REDIS_URL_FILE": fileOf(t, "redis://:p@cache:6379\r\n"),
		"KAFKA_SASL_FILE": fileOf(t, "plain:u: p "), "OPS_TOKEN_FILE": fileOf(t, "0123456789abcdef"), "SESSION_KEYS_FILE": fileOf(t, key+"\n"),
		"SESSION_KEYS": "", // not set
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.DatabaseURL != "postgres://u:p@db/x" || c.RedisURL != "redis://:p@cache:6379" || c.KafkaSASL != "plain:u: p " || c.OpsToken != "0123456789abcdef" || len(c.SessionKeys) != 1 {
		t.Errorf("%+v", c)
	}
	c, err = configOf(t, map[string]string{"DB_HOST": "db", "DB_PASSWORD_FILE": fileOf(t, "swordfish\n")})
	if err != nil || !strings.Contains(c.DatabaseURL, ":swordfish@db") {
		t.Errorf("%q, %v", c.DatabaseURL, err)
	}
}

// Each sentence names the variable, and nothing of the path or of the text.
func TestAFileThatHoldsNoSecretStopsTheStart(t *testing.T) {
	t.Parallel()
	const secret = "hunter2SWORDFISH"
	for _, c := range []struct{ path, plain, want string }{
		{fileOf(t, "postgres://u:"+secret+"@db/x"), "postgres://u:" + secret + "@db/y", "DATABASE_URL_FILE is set beside DATABASE_URL; it must be the only one of the two"},
		{"/none/" + secret, "", "DATABASE_URL_FILE is the path of no file; it must be"},
		{fileOf(t, ""), "", "DATABASE_URL_FILE is the path of an empty file"},
		{fileOf(t, "\n"), "", "DATABASE_URL_FILE is the path of an empty file"},
		{t.TempDir(), "", "DATABASE_URL_FILE is the path of something that is no file"},
		{fileOf(t, secret+"\n\n"), "", "DATABASE_URL_FILE is the path of a file with control characters"},
		{fileOf(t, strings.Repeat(secret, 5000)), "", "DATABASE_URL_FILE is the path of a file of more than 64 KiB"},
		{fileOf(t, secret), "", "DATABASE_URL is not understood (it has 16 characters)"},
	} {
		_, err := configOf(t, map[string]string{"DATABASE_URL_FILE": c.path, "DATABASE_URL": c.plain})
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// What is known has its twin, so that a misspelt one is noticed and a test clears them all.
func TestEverySecretThatIsReadHasATwin(t *testing.T) {
	t.Parallel()
	known := Variables()
	for _, name := range secrets() {
		if slices.Contains(known, name) && !slices.Contains(known, twin(name)) {
			t.Errorf("%s is read and %s is not", name, twin(name))
		}
	}
	if got := nearest("OPS_TOKEN_FILES", known); got != "OPS_TOKEN_FILE" {
		t.Errorf("%q is meant", got)
	}
}

func TestKeysAndLifetimeOfSessions(t *testing.T) {
	t.Parallel()
	first, second := bytes.Repeat([]byte{0xfb}, 32), bytes.Repeat([]byte{2}, 40)
	c, err := configOf(t, map[string]string{
		"SESSION_KEYS": base64.StdEncoding.EncodeToString(first) + ", " + base64.RawURLEncoding.EncodeToString(second), "SESSION_LIFETIME": "5m",
	})
	if err != nil || len(c.SessionKeys) != 2 || !bytes.Equal(c.SessionKeys[0], first) || !bytes.Equal(c.SessionKeys[1], second) || c.SessionLifetime != 5*time.Minute {
		t.Errorf("%+v %v", c, err)
	}
	if c, err := configOf(t, nil); err != nil || c.SessionKeys != nil || c.SessionLifetime != 720*time.Hour {
		t.Errorf("%+v %v", c, err)
	}
	for value, want := range map[string]string{
		"SESSION_KEYS=" + base64.StdEncoding.EncodeToString(first[:31]):         "SESSION_KEYS is not understood (its item 1 has 44 characters)",
		"SESSION_KEYS=" + base64.StdEncoding.EncodeToString(first) + ",hunter2": "SESSION_KEYS is not understood (its item 2 has 7 characters)",
		"SESSION_LIFETIME=4m59s": "SESSION_LIFETIME is 4m59s; it must be",
		"SESSION_LIFETIME=8761h": "SESSION_LIFETIME is 8761h0m0s; it must be",
		"SESSION_LIFETIME=30":    "SESSION_LIFETIME is not understood",
		"TLS_CERT=/a":            "TLS_KEY is not set beside TLS_CERT",
		"TLS_KEY=/a":             "TLS_CERT is not set beside TLS_KEY",
	} {
		name, text, _ := strings.Cut(value, "=")
		if _, err := configOf(t, map[string]string{name: text}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", value, err)
		}
	}
}
