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
	"sync"
	"time"
)

const (
	// maxMetrics bounds what is read of a /metrics document, in bytes.
	maxMetrics = 8 << 20
	// memoryEvery is how often memory is read during a sale to a crowd.
	memoryEvery = 200 * time.Millisecond
)

// errUnmeasured is the reason why a figure is missing; the report shows its text.
var errUnmeasured = errors.New("not measured")

// cost is what a slice cost in all. A part that could not be measured is missing.
type cost map[string]float64

// The parts of a cost; CPU in seconds.
const (
	costCPU       = "cpu"
	costServers   = "cpuOfServers"
	costGenerator = "cpuOfGenerator"
	costMallocs   = "allocations"
	costBytes     = "bytes"
)

// metricOf gives, for the parts of a cost that a process shows at /metrics, their names there.
func metricOf() map[string]string {
	return map[string]string{costCPU: metricCPU, costMallocs: metricMallocs, costBytes: metricAllocBytes}
}

// each is a part of the cost divided by n, in millionths; nil when it is missing.
func (c cost) each(part string, n int) *float64 {
	v, ok := c[part]
	if !ok || n == 0 {
		return nil
	}
	v *= 1e6 / float64(n)
	return &v
}

// usage is what a process, its servers and the load generator have used since they started. scrapes is how often the
// process had been asked for its metrics by then.
type usage struct {
	used    cost
	scrapes int
}

// scrape reads the metrics of a process and counts that, because this request has a cost too.
func (m *meter) scrape(ctx context.Context, of Target) (metrics, error) {
	m.scrapes[of.Ops]++
	return scrape(ctx, m.client, of.Ops)
}

// calibrate finds out what one scrape costs each process.
func (m *meter) calibrate(ctx context.Context) {
	const times = 10
	for _, of := range []Target{m.cfg.Product, m.cfg.Noop, m.cfg.Saturated, m.cfg.SignedIn.Target} {
		before, err := m.scrape(ctx, of)
		if err != nil {
			continue // usage notes the reason
		}
		after := before
		for range times {
			if after, err = m.scrape(ctx, of); err != nil {
				return
			}
		}
		each := cost{}
		for part, metric := range metricOf() {
			each[part] = (after[metric] - before[metric]) / times
		}
		m.scrapeCost[of.Ops] = each
	}
}

// usage reads what has been used up to now. A part that this system does not show is noted once and left out.
func (m *meter) usage(ctx context.Context, of Target) usage {
	now := usage{used: cost{}}
	s, err := m.scrape(ctx, of)
	m.noteUnmeasured("CPU and allocations per request", err)
	for part, metric := range metricOf() {
		if s.has(metric) {
			now.used[part] = s[metric]
		}
	}
	if of == m.cfg.Product || of == m.cfg.SignedIn.Target {
		cpu, err := descendantsCPU(of.PID)
		now.set(costServers, cpu, err)
		m.noteUnmeasured("CPU of the servers the product has started", err)
	}
	cpu, err := ownCPU()
	now.set(costGenerator, cpu, err)
	m.noteUnmeasured("CPU of the load generator", err)
	now.scrapes = m.scrapes[of.Ops]
	return now
}

func (u usage) set(part string, cpu time.Duration, err error) {
	if err == nil {
		u.used[part] = cpu.Seconds()
	}
}

// spent is what a process used between two readings, without the cost of the scrapes.
func (m *meter) spent(of Target, before, after usage) cost {
	c := cost{}
	for part, v := range after.used {
		if was, ok := before.used[part]; ok {
			c[part] = max(0, v-was-float64(after.scrapes-before.scrapes)*m.scrapeCost[of.Ops][part])
		}
	}
	return c
}

func (m *meter) noteUnmeasured(what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		m.note("%s: %v", what, err)
	}
}

// resident is the memory the product uses, in bytes.
func (m *meter) resident(ctx context.Context) (float64, error) {
	s, err := m.scrape(ctx, m.cfg.Product)
	if err == nil && !s.has(metricResident) {
		err = fmt.Errorf("%w: the product does not know it on this system", errUnmeasured)
	}
	return s[metricResident], err
}

// peak reads the product's memory again and again until stop is called, which gives the largest value, in bytes.
func (m *meter) peak(ctx context.Context) (stop func() float64) {
	ctx, cancel := context.WithCancel(ctx)
	most := 0.0
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			if now, err := m.resident(ctx); err == nil {
				most = max(most, now)
			}
			if pause(ctx, memoryEvery) != nil {
				return
			}
		}
	})
	return func() float64 {
		cancel()
		wg.Wait()
		return most
	}
}

// measureDecisions finds out how the claims of the run were decided: through the log, which is the usual way, or
// directly, and how many in one transaction.
func (m *meter) measureDecisions(ctx context.Context, before metrics) {
	after, err := m.scrape(ctx, m.cfg.Product)
	if err != nil {
		m.noteUnmeasured("the share of direct decisions", err)
		return
	}
	if batches := after[metricBatches] - before[metricBatches]; batches > 0 {
		m.report.Batch = (after[metricBatchSum] - before[metricBatchSum]) / batches
	}
	if !after.has(metricVerdicts) {
		m.note("the share of direct decisions: not measured: the product does not show %s", metricVerdicts)
		return
	}
	all := after[metricVerdicts] - before[metricVerdicts]
	direct := after.labelled(metricVerdicts, "source", "direct") - before.labelled(metricVerdicts, "source", "direct")
	if all > 0 {
		share := direct / all
		m.report.Direct = &share
	}
}

// metrics are the figures that a process shows at /metrics at one moment, by name. A missing one reads as 0; has tells
// it from a real 0.
type metrics map[string]float64

// The metrics that are used. A metric with labels is also stored without them, as the sum over all labels.
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
	metricStreamLimit = "flashsale_live_streams_limit"
	metricBatches     = "flashsale_ledger_batch_size_count"
)

func (s metrics) has(name string) bool {
	_, ok := s[name]
	return ok
}

// scrape reads /metrics of a process.
func scrape(ctx context.Context, client *http.Client, base string) (metrics, error) {
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

// parseMetrics reads Prometheus' text format: each series by its full name, and each metric with labels also as the sum
// over them.
func parseMetrics(r io.Reader) (metrics, error) {
	s := metrics{}
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

// labelled is the sum of a metric over the series with this value of a label.
func (s metrics) labelled(family, label, value string) float64 {
	sum := 0.0
	for name, v := range s {
		if strings.HasPrefix(name, family+"{") && strings.Contains(name, label+`="`+value+`"`) {
			sum += v
		}
	}
	return sum
}

// ticks is how many of the kernel's units of CPU time in /proc make a second: 100 on every Linux.
const ticks = 100

// procStat is what is used of /proc/<pid>/stat.
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

// parseStat reads the line from its last parenthesis on: the second field is a name in parentheses, and the name may
// contain spaces and parentheses itself.
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

// descendantsCPU is the CPU time of all processes that a process has started, directly or not, without its own.
func descendantsCPU(pid int) (time.Duration, error) {
	if pid == 0 {
		return 0, fmt.Errorf("%w: bench did not start the process", errUnmeasured)
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
		if s, err := readStat(name); err == nil { // it fails for a process that has ended meanwhile
			children[s.parent] = append(children[s.parent], s)
		}
	}
	return below(children, pid), nil
}

// below is the CPU time of the children of a process, of their children, and so on.
func below(children map[int][]procStat, pid int) time.Duration {
	var sum time.Duration
	for _, child := range children[pid] {
		sum += child.own + child.reaped + below(children, child.pid)
	}
	return sum
}
