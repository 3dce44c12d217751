package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// maxMetrics bounds what is read of a /metrics document.
const maxMetrics = 8 << 20

// errUnmeasured is why a figure is missing; its text is shown instead of the figure.
var errUnmeasured = errors.New("not measured")

// sample is what a process says about itself at one moment. Fields it does not offer are NaN-free zeros; has tells.
type sample map[string]float64

// The metrics that are read. A family with labels is also known by the sum over them, without labels.
const (
	metricCPU         = "process_cpu_seconds_total"
	metricResident    = "process_resident_memory_bytes"
	metricMallocs     = "go_memstats_mallocs_total"
	metricAllocBytes  = "go_memstats_alloc_bytes_total"
	metricLag         = "flashsale_consumer_lag_records"
	metricUnpublished = "flashsale_outbox_unpublished"
	metricPublished   = "flashsale_outbox_published_total"
	metricVerdicts    = "flashsale_verdicts_total"
	metricBatchSum    = "flashsale_ledger_batch_size_sum"
	metricBatches     = "flashsale_ledger_batch_size_count"
)

func (s sample) has(name string) bool {
	_, ok := s[name]
	return ok
}

// scrape reads /metrics of a process.
func scrape(ctx context.Context, client *http.Client, base string) (sample, error) {
	if base == "" {
		return nil, fmt.Errorf("%w: the process shows no /metrics here", errUnmeasured)
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnmeasured, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: %s/metrics answers %s", errUnmeasured, base, response.Status)
	}
	return parseMetrics(io.LimitReader(response.Body, maxMetrics))
}

// parseMetrics reads the text format, each series by its full name and each family by the sum over its labels.
func parseMetrics(r io.Reader) (sample, error) {
	s := sample{}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), 1<<20)
	for lines.Scan() {
		line := lines.Text()
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		v, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("%w: /metrics has the line %.80q", errUnmeasured, line)
		}
		if family, _, labelled := strings.Cut(line[:at], "{"); labelled {
			s[family] += v
		}
		s[line[:at]] = v
	}
	return s, lines.Err()
}

// labelled sums a family over the series that carry a label.
func (s sample) labelled(family, label, value string) float64 {
	sum := 0.0
	for name, v := range s {
		if strings.HasPrefix(name, family+"{") && strings.Contains(name, label+`="`+value+`"`) {
			sum += v
		}
	}
	return sum
}

// ticks is the kernel's unit of CPU time in /proc; it is 100 a second on every Linux there is.
const ticks = 100

// procStat is a line of /proc/<pid>/stat.
type procStat struct {
	pid, parent int
	own, reaped time.Duration // CPU of the process, and of its children that have ended
}

// readStat fails where there is no /proc.
func readStat(pid string) (procStat, error) {
	raw, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return procStat{}, fmt.Errorf("%w: no CPU time in /proc on this system", errUnmeasured)
	}
	return parseStat(string(raw))
}

// parseStat: the second field is a name in parentheses that may contain anything.
func parseStat(line string) (procStat, error) {
	head, tail, ok := strings.Cut(line, " (")
	if at := strings.LastIndex(tail, ") "); ok && at >= 0 {
		tail = tail[at+2:]
	}
	fields := strings.Fields(tail)
	if !ok || len(fields) < 15 {
		return procStat{}, fmt.Errorf("%w: /proc has another format here", errUnmeasured)
	}
	var s procStat
	var err error
	number := func(text string) int {
		n, e := strconv.Atoi(text)
		err = errors.Join(err, e)
		return n
	}
	time := func(first int) time.Duration {
		return time.Duration(number(fields[first])+number(fields[first+1])) * time.Second / ticks
	}
	s.pid, s.parent, s.own, s.reaped = number(head), number(fields[1]), time(11), time(13)
	if err != nil {
		return procStat{}, fmt.Errorf("%w: /proc has another format here", errUnmeasured)
	}
	return s, nil
}

// ownCPU is the CPU time of this process.
func ownCPU() (time.Duration, error) {
	s, err := readStat("self")
	return s.own, err
}

// descendantsCPU is the CPU time of everything a process has started, directly or not, but not its own.
func descendantsCPU(pid int) (time.Duration, error) {
	if pid == 0 {
		return 0, fmt.Errorf("%w: the process was not started here", errUnmeasured)
	}
	dir, err := os.Open("/proc")
	if err != nil {
		return 0, fmt.Errorf("%w: no CPU time in /proc on this system", errUnmeasured)
	}
	defer func() { _ = dir.Close() }()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errUnmeasured, err)
	}
	children := map[int][]procStat{}
	for _, name := range names {
		if name[0] < '0' || name[0] > '9' {
			continue
		}
		if s, err := readStat(name); err == nil { // others come and go meanwhile
			children[s.parent] = append(children[s.parent], s)
		}
	}
	return below(children, pid), nil
}

func below(children map[int][]procStat, pid int) time.Duration {
	var sum time.Duration
	for _, child := range children[pid] {
		sum += child.own + child.reaped + below(children, child.pid)
	}
	return sum
}
