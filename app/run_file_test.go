package app

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashsale/app/config"
	"flashsale/app/embedded/embeddedtest"
)

// An instance with a configured PostgreSQL and an embedded rest leaves nothing of the former in its run file. A command beside it works
// with the address in its own environment, and says what to set when there is none.
func TestTheRunFileHasNoAddressOfAConfiguredServer(t *testing.T) {
	address := embeddedtest.DatabaseURL(t)
	t.Setenv("DATABASE_URL", address)
	kept := map[string]string{"DATABASE_URL": address, "REDIS_URL": os.Getenv("REDIS_URL"), "KAFKA_BROKERS": os.Getenv("KAFKA_BROKERS")}
	besideInstanceWith(t, func(cfg *config.Config) { cfg.Demo, cfg.RedisURL, cfg.KafkaBrokers = false, "", nil })
	t.Setenv("REDIS_URL", "")
	t.Setenv("KAFKA_BROKERS", "")
	dir := os.Getenv("DATA_DIR")
	raw, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := at.User.Password()
	var file struct{ Configured []string }
	if err := json.Unmarshal(raw, &file); err != nil || strings.Join(file.Configured, " ") != "DATABASE_URL" {
		t.Errorf("it names %v, %v", file.Configured, err)
	}
	if strings.Contains(string(raw), "databaseUrl") || password != "" && strings.Contains(string(raw), password) {
		t.Errorf("%s", raw)
	}
	if code, out, errOut := command(t, "", "verify"); code != 0 {
		t.Errorf("with the address: %s%s", out, errOut)
	}
	t.Setenv("DATABASE_URL", "")
	const want = "works with servers that its environment names; set DATABASE_URL here too, as it is set there"
	for _, args := range []string{"verify", "doctor", "seed 1"} {
		code, out, errOut := command(t, "", strings.Fields(args)...)
		if code != 1 || !strings.Contains(errOut, want) || strings.Count(errOut, "\n") != 1 {
			t.Errorf("%s without the address: exit %d %s%s", args, code, out, errOut)
		}
	}
	for name, value := range kept { // what was made goes at the end
		t.Setenv(name, value)
	}
}
