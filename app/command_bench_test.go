package app

import (
	"slices"
	"strings"
	"testing"

	"flashsale/app/bench"
	"flashsale/app/config"
)

func TestVariablesAreThoseTheProductReads(t *testing.T) {
	t.Parallel()
	names := config.Variables()
	for _, name := range []string{"PORT", "HOST", "DATABASE_URL", "DB_HOST", "REDIS_URL", "KAFKA_BROKERS", "NAMESPACE", "DEMO", "DATA_DIR", "LOG_LEVEL"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s is not among %v", name, names)
		}
	}
	if slices.Contains(names, "HOME") || slices.Contains(names, "PATH") {
		t.Error("what a process needs to run must stay")
	}
}

func TestQuickRunsKeepWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	asked := bench.Full()
	asked.Cycles = 7
	got, quick := withSizes(asked, benchFlags{quick: true}.sizes(), func(flag string) bool { return flag == "cycles" }), bench.Quick()
	quick.Cycles = 7
	if got != quick {
		t.Fatalf("%+v, want %+v", got, quick)
	}
}

func TestConfiguredServersAreNamedWithoutTheirPasswords(t *testing.T) {
	for _, name := range config.Variables() {
		t.Setenv(name, "")
	}
	t.Chdir(t.TempDir())
	if _, _, err := configuredServers(); err == nil || !strings.Contains(err.Error(), "DATABASE_URL") {
		t.Fatalf("nothing is configured: %v", err)
	}
	t.Setenv("DATABASE_URL", "postgres://shop:hush@db.example:5432/shop")
	t.Setenv("KAFKA_BROKERS", "k1:9092,k2:9092")
	vars, words, err := configuredServers()
	if err != nil || !slices.Contains(vars, "DATABASE_URL=postgres://shop:hush@db.example:5432/shop") || !slices.Contains(vars, "KAFKA_BROKERS=k1:9092,k2:9092") {
		t.Fatalf("%v %v", err, vars)
	}
	if strings.Contains(words, "hush") || !strings.Contains(words, "db.example:5432/shop") || !strings.Contains(words, "k1:9092") || !strings.Contains(words, "the rest embedded") {
		t.Fatal(words)
	}
}
