package resilience

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// endpoint is where something listens.
type endpoint struct{ network, address string }

// endpoints are where the process and its descendants listen, by the kernel's word.
func endpoints(t *testing.T, pid int) (found []endpoint) {
	t.Helper()
	inodes := make(map[string]bool)
	for _, one := range descendants(t, pid) {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", one))
		for _, file := range files {
			to, _ := os.Readlink(file)
			if inode, ok := strings.CutPrefix(to, "socket:["); ok {
				inodes[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	const listening, accepts = "0A", "00010000"
	for _, family := range []string{"tcp", "tcp6"} {
		for _, f := range table(t, "/proc/net/"+family) {
			if f[3] == listening && inodes[f[9]] {
				found = append(found, endpoint{"tcp", tcpAddress(t, f[1])})
			}
		}
	}
	for _, f := range table(t, "/proc/net/unix") {
		if f[3] == accepts && inodes[f[6]] && len(f) > 7 {
			found = append(found, endpoint{"unix", f[7]})
		}
	}
	return found
}

// table is a table of the kernel without its first line.
func table(t *testing.T, path string) (rows [][]string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		rows = append(rows, strings.Fields(lines.Text()))
	}
	return rows[1:]
}

// tcpAddress reads "0100007F:0BB9": each four bytes of the address are turned round.
func tcpAddress(t *testing.T, written string) string {
	t.Helper()
	host, port, _ := strings.Cut(written, ":")
	ip, err := hex.DecodeString(host)
	if err != nil {
		t.Fatal(err)
	}
	for four := range slices.Chunk(ip, 4) {
		slices.Reverse(four)
	}
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(net.IP(ip).String(), strconv.FormatUint(number, 10))
}

// descendants are the process and all that it and its children have started.
func descendants(t *testing.T, pid int) []int {
	t.Helper()
	all := []int{pid}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	parents := make(map[int]int)
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		text := string(b)
		child, _ := strconv.Atoi(strings.Fields(text)[0])
		after := strings.Fields(text[strings.LastIndex(text, ")")+1:]) // the name may contain anything
		parents[child], _ = strconv.Atoi(after[1])
	}
	for i := 0; i < len(all); i++ {
		for child, parent := range parents {
			if parent == all[i] {
				all = append(all, child)
			}
		}
	}
	return all
}
