package redis

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestOnlyCommandsPass(t *testing.T) {
	t.Parallel()
	const ping = "*1\r\n$4\r\nPING\r\n"
	set := func(length int) string {
		return fmt.Sprintf("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%s\r\n", length, strings.Repeat("v", length))
	}
	many := func(n int) string { return fmt.Sprintf("*%d\r\n", n) + strings.Repeat("$1\r\nx\r\n", n) }
	long := fmt.Sprintf("*17\r\n%s", strings.Repeat(fmt.Sprintf("$%d\r\n%s\r\n", longestString, strings.Repeat("v", longestString)), 17))
	for name, c := range map[string]struct {
		sent   string
		passed int // commands
	}{
		"a command":                  {ping, 1},
		"several":                    {ping + ping + set(5), 3},
		"an empty string":            {set(0), 1},
		"the longest string":         {set(longestString), 1},
		"a longer one":               {set(longestString + 1), 0},
		"the most strings":           {many(mostStrings), 1},
		"one more":                   {many(mostStrings + 1), 0},
		"long strings without end":   {long, 0},
		"line ends within a string":  {"*2\r\n$4\r\nPING\r\n$4\r\n\r\n\r\n\r\n", 1},
		"no strings":                 {"*0\r\n", 0},
		"minus one":                  {"*-1\r\n", 0},
		"a sign":                     {"*+1\r\n$4\r\nPING\r\n", 0},
		"a string of minus one":      {"*1\r\n$-1\r\n", 0},
		"a string of 8 EiB":          {"*1\r\n$9223372036854775807\r\n", 0},
		"an array of 8 EiB":          {"*9223372036854775807\r\n", 0},
		"a number beyond all":        {"*99999999999999999999999\r\n", 0},
		"no number":                  {"*\r\n", 0},
		"no carriage return":         {"*1\n$4\nPING\n", 0},
		"a line":                     {"PING\r\n", 0},
		"a web page":                 {"POST / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
		"an array in an array":       {"*1\r\n*1\r\n$4\r\nPING\r\n", 0},
		"a number in an array":       {"*1\r\n:1\r\n", 0},
		"a string longer than it is": {"*1\r\n$3\r\nPING\r\n", 0},
		"poison behind a command":    {ping + "*0\r\n" + ping, 1},
		"half a command":             {ping + "*2\r\n$4\r\nPI", 1},
		"a line without end":         {strings.Repeat("1", 1<<20), 0},
	} {
		var passed bytes.Buffer
		passCommands(&passed, strings.NewReader(c.sent))
		if got := len(wholeCommands(t, passed.Bytes())); got != c.passed {
			t.Errorf("%s: %d commands passed, want %d: %.60q", name, got, c.passed, passed.String())
		}
	}
}

// wholeCommands reads as miniredis does, and fails the test where miniredis would end the process. Half a command at
// the end is none, for miniredis too.
func wholeCommands(t *testing.T, passed []byte) (found [][]string) {
	t.Helper()
	r := bytes.NewReader(passed)
	number := func(kind byte) (int, bool) {
		var n int
		var got byte
		if _, err := fmt.Fscanf(r, "%c%d\r\n", &got, &n); err != nil || got != kind {
			return 0, false
		}
		return n, true
	}
	for {
		n, ok := number('*')
		if !ok {
			return found
		}
		if n < 1 || n > mostStrings {
			t.Fatalf("an array of %d passed", n)
		}
		var command []string
		for range n {
			length, ok := number('$')
			if !ok {
				return found
			}
			if length < 0 || length > longestString {
				t.Fatalf("a string of %d passed", length)
			}
			b := make([]byte, length+2)
			if _, err := io.ReadFull(r, b); err != nil {
				return found
			}
			command = append(command, string(b[:length]))
		}
		found = append(found, command)
	}
}

// FuzzCommands: whatever comes, and in whichever pieces, miniredis reads commands with at least one string, unchanged, and
// nothing behind the first bytes that are none.
func FuzzCommands(f *testing.F) {
	for _, seed := range []string{
		"*1\r\n$4\r\nPING\r\n", "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nPING\r\n", "*0\r\n", "*-1\r\n", "*1\r\n$9223372036854775807\r\n",
		"*1\r\n*1\r\n$1\r\nx\r\n", "PING\r\n", "*1\r\n$0\r\n\r\n*0\r\n", "*00001\r\n$4\r\nPING\r\n", "*1\r\n$4\r\nPI\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		var whole, bytewise bytes.Buffer
		passCommands(&whole, bytes.NewReader(stream))
		passCommands(&bytewise, iotest.OneByteReader(bytes.NewReader(stream)))
		if !bytes.HasPrefix(stream, whole.Bytes()) {
			t.Errorf("of %q %q passed", stream, whole.Bytes())
		}
		a, b := wholeCommands(t, whole.Bytes()), wholeCommands(t, bytewise.Bytes())
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("of %q %q passed at once and %q byte by byte", stream, a, b)
		}
	})
}
