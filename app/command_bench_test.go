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

func TestSizesFollowWhatIsMeasured(t *testing.T) {
	t.Parallel()
	nothing := func(string) bool { return false }
	for flags, want := range map[benchFlags]bench.Config{
		{}: bench.Full(), {quick: true}: bench.Quick(), {curve: true}: bench.FullCurve(), {curve: true, quick: true}: bench.QuickCurve(),
	} {
		if got := withSizes(bench.Full(), flags.sizes(), nothing); got != want {
			t.Errorf("%+v: %+v, want %+v", flags, got, want)
		}
	}
}

func TestMeasurementsThatExcludeEachOther(t *testing.T) {
	t.Parallel()
	for flags, asked := range map[benchFlags]string{
		{curve: true, growth: 1000}: "growth", {curve: true, profile: "cpu"}: "profile", {growth: 1000, profile: "cpu"}: "growth", {ops: "http://127.0.0.1:1"}: "ops",
	} {
		if err := flags.check(func(flag string) bool { return flag == asked }); err == nil {
			t.Errorf("%+v is accepted", flags)
		}
	}
	if err := (benchFlags{curve: true}).check(func(string) bool { return false }); err != nil {
		t.Error(err)
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
