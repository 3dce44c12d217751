package bench

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// machine describes the computer that a report is from.
type machine struct {
	System string `json:"system"`
	Go     string `json:"go"`
	CPU    string `json:"cpu,omitempty"`
	Cores  int    `json:"cores"`
	// Memory is in bytes. Load is the load average of the minute before the run. Descriptors is how many files and
	// connections a process may have open. Each is 0 when not known.
	Memory      int64   `json:"memoryBytes,omitempty"`
	Load        float64 `json:"loadAtStart,omitempty"`
	Descriptors int     `json:"descriptors,omitempty"`
}

func thisMachine() machine {
	m := machine{System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), Cores: runtime.GOMAXPROCS(0), Descriptors: maxDescriptors()}
	m.CPU = field("/proc/cpuinfo", "model name")
	if kilobytes, _, ok := strings.Cut(field("/proc/meminfo", "MemTotal"), " "); ok {
		n, _ := strconv.ParseInt(kilobytes, 10, 64)
		m.Memory = n << 10
	}
	if raw, err := os.ReadFile("/proc/loadavg"); err == nil {
		first, _, _ := strings.Cut(string(raw), " ")
		m.Load, _ = strconv.ParseFloat(first, 64)
	}
	return m
}

// field is the value of the first line "name : value" with this name, or "".
func field(file, name string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, value, ok := strings.Cut(lines.Text(), ":")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func (m machine) String() string {
	parts := []string{m.System, m.Go, fmt.Sprintf("%d cores", m.Cores)}
	if m.CPU != "" {
		parts = append(parts, m.CPU)
	}
	if m.Memory > 0 {
		parts = append(parts, fmt.Sprintf("%.1f GiB", gibibytes(float64(m.Memory))))
	}
	if m.Descriptors > 0 {
		parts = append(parts, fmt.Sprintf("%d descriptors a process", m.Descriptors))
	}
	if m.Load > 0 {
		parts = append(parts, fmt.Sprintf("load %.1f at the start", m.Load))
	}
	return strings.Join(parts, ", ")
}

func gibibytes(bytes float64) float64 { return bytes / (1 << 30) }
func mebibytes(bytes float64) float64 { return bytes / (1 << 20) }
