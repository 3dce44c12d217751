package bench

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

const exposition = `# HELP flashsale_verdicts_total Verdicts.
# TYPE flashsale_verdicts_total counter
flashsale_verdicts_total{outcome="ordered",source="log"} 90
flashsale_verdicts_total{outcome="ordered",source="direct"} 7
flashsale_verdicts_total{outcome="declined",source="direct"} 3
process_cpu_seconds_total 1.25
go_memstats_mallocs_total 1.5e+06

flashsale_consumer_lag_records{partition="0"} 2
flashsale_consumer_lag_records{partition="1"} 3
`

func TestMetricsAreReadByNameAndByFamily(t *testing.T) {
	t.Parallel()
	s, err := parseMetrics(strings.NewReader(exposition))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{metricCPU: 1.25, metricMallocs: 1.5e6, metricLag: 5, metricVerdicts: 100} {
		if s[name] != want || !s.has(name) {
			t.Errorf("%s is %v, want %v", name, s[name], want)
		}
	}
	if got := s.labelled(metricVerdicts, "source", "direct"); got != 10 {
		t.Errorf("decided directly: %v", got)
	}
	if s.has(metricResident) {
		t.Error("a metric that is not there was found")
	}
	if _, err := parseMetrics(strings.NewReader("a b\n")); !errors.Is(err, errUnmeasured) {
		t.Errorf("nonsense: %v", err)
	}
}

func TestProcessesThatShowNothing(t *testing.T) {
	t.Parallel()
	refusing := serveHTTP(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	for _, base := range []string{"", "http://127.0.0.1:1", refusing} {
		if _, err := scrape(t.Context(), client, base); !errors.Is(err, errUnmeasured) {
			t.Errorf("%q: %v", base, err)
		}
	}
}

func TestCPUTimeOfProcLines(t *testing.T) {
	t.Parallel()
	const line = "4242 (a (strange) name) S 17 4242 4242 0 -1 4194560 1 2 3 4 150 50 30 20 20 0 9 0 100 1000 10"
	s, err := parseStat(line)
	want := procStat{pid: 4242, parent: 17, own: 2 * time.Second, reaped: 500 * time.Millisecond}
	if err != nil || s != want {
		t.Fatalf("%+v %v, want %+v", s, err, want)
	}
	for _, bad := range []string{"", "1 (x", "1 (x) S 1 2", strings.Replace(line, "150", "x", 1)} {
		if _, err := parseStat(bad); !errors.Is(err, errUnmeasured) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// All processes below a process are counted, but not the process itself and not those beside it.
func TestDescendantsAreCounted(t *testing.T) {
	t.Parallel()
	children := map[int][]procStat{
		1:  {{pid: 10, own: time.Hour}, {pid: 11, own: time.Hour}},
		10: {{pid: 20, own: time.Second}, {pid: 21, own: 2 * time.Second, reaped: 4 * time.Second}},
		21: {{pid: 30, own: 8 * time.Second}},
		11: {{pid: 31, own: time.Hour}},
	}
	if got := below(children, 10); got != 15*time.Second {
		t.Fatalf("%v, want 15s", got)
	}
	if _, err := descendantsCPU(0); !errors.Is(err, errUnmeasured) {
		t.Errorf("an unknown process: %v", err)
	}
}

func TestOwnCPUGrows(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		if _, err := ownCPU(); !errors.Is(err, errUnmeasured) {
			t.Fatalf("without /proc there must be a reason, got %v", err)
		}
		return
	}
	before, err := ownCPU()
	for err == nil {
		var now time.Duration
		if now, err = ownCPU(); now > before {
			return
		}
	}
	t.Fatal(err)
}
