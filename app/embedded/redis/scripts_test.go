package redis

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"pgregory.net/rapid"
)

// wire speaks to a Redis byte for byte.
type wire struct {
	t interface {
		Helper()
		Fatal(args ...any)
	}
	conn net.Conn
	r    *bufio.Reader
}

func (w wire) send(words ...string) {
	w.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := w.conn.Write([]byte(b.String())); err != nil {
		w.t.Fatal(err)
	}
}

// do returns the reply as it came.
func (w wire) do(words ...string) string {
	w.t.Helper()
	w.send(words...)
	return w.reply()
}

func (w wire) reply() string {
	w.t.Helper()
	line, err := w.r.ReadString('\n')
	if err != nil {
		w.t.Fatal(err)
	}
	n, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
	switch line[0] {
	case '$':
		if n >= 0 {
			b := make([]byte, n+2)
			if _, err := io.ReadFull(w.r, b); err != nil {
				w.t.Fatal(err)
			}
			line += string(b)
		}
	case '*', '>', '~', '%':
		if line[0] == '%' {
			n *= 2
		}
		for range n {
			line += w.reply()
		}
	}
	return line
}

// open starts a server whose connections have signed in.
func open(t *testing.T) (s *Server, dial func() wire) {
	t.Helper()
	s = Start()
	t.Cleanup(func() { _ = s.Close() })
	return s, func() wire {
		conn, err := s.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		w := wire{t, conn, bufio.NewReader(conn)}
		if got := w.do("AUTH", s.password); got != "+OK\r\n" {
			t.Fatal(got)
		}
		return w
	}
}

// ours are the scripts of the product by their files.
func ours(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, folder := range []string{"inventory", "users/login/limits"} {
		files, err := filepath.Glob("../../../" + folder + "/*.lua")
		if err != nil || len(files) == 0 {
			t.Fatal(folder, files, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts[filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file)] = string(text)
		}
	}
	return texts
}

// scriptsToCompare are all that the product has, and what may differ between a state made anew and one that is used again.
var scriptsToCompare = []string{
	"return ARGV", "return KEYS", "return #KEYS + #ARGV", "return", "return nil", "return true", "return false", "return 3.99", "return -3.99",
	"return 1e300", "return 0/0", "return {1, {2, {'x', false, true}}, nil, 4}", "return {1, 2, nil}", "return {ok = 'fine'}", "return {err = 'ERR bad\\r\\nthing'}", "return {ok = 1}",
	"return {}", "return 'a\\0b'", "return redis.status_reply('YES')", "return redis.error_reply('NO')", "return redis.error_reply('-NO way')",
	"return redis.error_reply('')", "return redis.error_reply('-')", "return redis.error_reply(1)", "return redis.status_reply({})", "return redis.sha1hex('')", "return redis.sha1hex()",
	"redis.log(redis.LOG_WARNING, 'x') return redis.LOG_NOTICE", "redis.log('x')", "return redis.replicate_commands()", "return redis.set_repl(1)", "return redis.set_repl()",
	"redis.setresp(3) return redis.call('HGETALL', KEYS[1])", "redis.setresp(4)", "redis.setresp(3) return redis.call('NONE')",
	"return redis.call(unpack(ARGV))", "return redis.pcall(unpack(ARGV))", "local r = redis.pcall(unpack(ARGV)) if type(r) == 'table' and r.err then return {'caught', r.err} end return {r}",
	"local r = redis.call(unpack(ARGV)) return type(r) .. tostring(r == false)", "redis.call('SELECT', '1') return {redis.call('HLEN', 'h'), redis.pcall('HLEN', 'h')}",
	"redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])", "return redis.call('SET', KEYS[1], 12, 'PX', 1500.5)", "return redis.call('SET', KEYS[1], 1.5)",
	"return redis.call()", "return redis.pcall()", "return redis.call({})", "return redis.call('GET', nil)", "return redis.call('GET', true)", "return redis.pcall('GET', true)",
	"return redis.call('NOSUCH', 'x')", "return redis.pcall('NOSUCH', 'x')", "return redis.call('GET')", "return redis.pcall('GET')", "return redis.pcall('EVAL', 'return 1', '0')", "return redis.call('evalsha', 'x', '0')",
	"return redis.call('MULTI')", "return redis.pcall('EXEC')", "return redis.pcall('DISCARD')", "return redis.pcall('SCRIPT', 'FLUSH')", "return redis.call('SUBSCRIBE', 'c')", "return redis.pcall('WATCH', 'k')", "return redis.pcall('AUTH', 'x')",
	"redis.pcall('HELLO', '3') return redis.call('HGETALL', KEYS[1])", "redis.call('QUIT') return redis.call('PING')", "redis.call('CLIENT', 'SETNAME', 'x') return redis.pcall('CLIENT', 'GETNAME')",
	"error('x')", "error({err = 'x'})", "return nosuch", "nosuch = 1", "string.x = 1 return string.x", "KEYS = {} return KEYS", "ARGV[1] = 'changed' return ARGV", "KEYS[1] = 'k' return {KEYS[1], ARGV[1]}", "local s = string s.x = 5 return s.x",
	"local x return x", "return ...", "return {select('#', ...), ...}", "local function f(...) return arg.n end return f(1, 2)", "return (function(...) return arg[1] end)(7)",
	"return string.x", "return redis.x", "redis.x()", "return math.floor(3.7)", "return ('x'):rep(3)", "return ('%d'):format(3)", "local x return x.y", "return 1 + {}", "return #ARGV[1]", "return assert(false, 'no')", "return assert(nil)", "return select('#', unpack(ARGV))",
	"return table.concat(ARGV, ',')", "local t = {} for i, v in ipairs(ARGV) do t[v] = i end local n = 0 for k in pairs(t) do n = n + 1 end return n", "return cjson.encode({1})", "return pcall(error)", "return {pcall(redis.call, 'GET')}", "return tostring(1e15) .. tostring(0.1)",
	"local function f(...) return ... end return {f(unpack(ARGV))}", "local function f() return f end local function g() return g() + 1 end return g()", "local t = {} for i = 1, 9000 do t[i] = i end return {unpack(t)}", "while", "return tonumber('0x10')", "return {tonumber(ARGV[1]) or 'none'}",
	"local fs = {} for i = 1, 3 do fs[i] = function() i = i + 1 return i end end return {fs[1](), fs[1](), fs[3]()}", "return redis.call('EXEC', 'x')", "return _G", "return setmetatable({}, {__index = function() return 1 end}).x",
	"local x = redis return x.call('PING')", "return redis:call('PING')", "return redis.pcall('XRANGE', KEYS[1], '-', '+')", "redis.call('XADD', 'x', '2-1', 'f', 'v') redis.call('HMGET', 'h', 'a', 'b', 'c', 'd') return redis.call('XRANGE', 'x', '-', '+')", "redis.call('SET', KEYS[1], 1) redis.call('HSET', KEYS[1], 1, 1)",
}

// addresses are in what Lua says of tables and functions.
var addresses = regexp.MustCompile("0x[0-9a-f]{6,}")

// bothServers are ours and miniredis alone, without anything in them. No time passes.
func bothServers(t interface {
	Helper()
	Fatal(args ...any)
}) (here *Server, dial func() [2]wire, end func()) {
	here = &Server{mini: miniredis.NewMiniRedis(), password: "p", stop: make(chan struct{})}
	plain := miniredis.NewMiniRedis()
	for _, mini := range []*miniredis.Miniredis{here.mini, plain} {
		mini.RequireAuth(here.password)
		mini.SetTime(time.Unix(1_800_000_000, 0))
	}
	dial = func() [2]wire {
		a, err := here.Dial(context.Background(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		b, err := plain.Dial()
		if err != nil {
			t.Fatal(err)
		}
		return [2]wire{{t, a, bufio.NewReader(a)}, {t, b, bufio.NewReader(b)}}
	}
	return here, dial, func() {
		_ = here.Close()
		plain.Close()
	}
}

func replies(c [2]wire, words ...string) (here, plain string) {
	return addresses.ReplaceAllString(c[0].do(words...), "0x"), addresses.ReplaceAllString(c[1].do(words...), "0x")
}

// TestEachScriptAnswersAsMiniredisDoes, in both protocols, with every kind of key and several arguments.
func TestEachScriptAnswersAsMiniredisDoes(t *testing.T) {
	t.Parallel()
	here, dial, end := bothServers(t)
	t.Cleanup(end)
	second, third := dial(), dial()
	replies(second, "AUTH", here.password)
	replies(third, "HELLO", "3", "AUTH", "default", here.password)
	texts := slices.AppendSeq(slices.Clone(scriptsToCompare), maps.Values(ours(t)))
	slices.Sort(texts)
	for _, text := range texts {
		for _, arguments := range [][]string{
			{"0"}, {"1", "h"}, {"2", "k", "h", "7", "1"}, {"2", "h", "h", "5", "6", "5"}, {"2", "l", "h", "5"}, {"1", "h", "HGETALL", "h"}, {"0", "ZRANGE", "z", "0", "-1", "WITHSCORES"},
			{"0", "XRANGE", "x", "-", "+"}, {"0", "GET", "h"}, {"3", "h", "l", "z", "10", "2", "0"}, {"1", "x", "0", "TYPE", "x"}, {"2", "h"}, {"1"}, {"-1"}, {"x"}, {"0", "NOSUCH"}, {"0", "SET", "k", "v", "NX"},
		} {
			for n, c := range [][2]wire{second, third} {
				replies(c, "HELLO", strconv.Itoa(2+n)) // a script that failed may have left another one
				for _, words := range [][]string{
					{"DEL", "k", "h", "l", "z", "x"}, {"HSET", "h", "0", "", "limit", "2", "version", "1"}, {"RPUSH", "l", "a"}, {"ZADD", "z", "1.5", "m"}, {"XADD", "x", "1-1", "f", "v"},
					{"SCRIPT", "LOAD", text}, append([]string{"EVALSHA", sum(text)}, arguments...), append([]string{"EVALSHA", sum(text)}, arguments...),
					{"GET", "k"}, {"HLEN", "h"}, {"HMGET", "h", "0", "limit", "version", "5", "6"}, {"XRANGE", "x", "-", "+"}, {"GET", "none"},
				} {
					if got, want := replies(c, words...); got != want {
						t.Errorf("%q with %q: %q\n got %q\nwant %q", text, arguments, words, got, want)
					}
				}
			}
		}
	}
}

// TestScriptsAnswerAsMiniredisDoes: whatever happens before, a reply is that of miniredis alone, byte for byte.
func TestScriptsAnswerAsMiniredisDoes(t *testing.T) {
	t.Parallel()
	texts := slices.AppendSeq(slices.Clone(scriptsToCompare), maps.Values(ours(t)))
	slices.Sort(texts)
	ranHere := 0
	rapid.Check(t, func(rt *rapid.T) {
		here, dial, end := bothServers(rt)
		defer end()
		clients := [][2]wire{dial(), dial(), dial()}
		same := func(c [2]wire, words ...string) {
			if got, want := replies(c, words...); got != want {
				rt.Fatalf("%q\n got %q\nwant %q", words, got, want)
			}
		}
		same(clients[0], "AUTH", here.password)
		same(clients[1], "HELLO", "3", "AUTH", "default", here.password)
		same(clients[0], "HSET", "h", "limit", "2", "version", "1")
		key := rapid.SampledFrom([]string{"k", "h", "l", "z", "none"})
		value := rapid.SampledFrom([]string{"0", "1", "limit", "version", "7", "x", "", "1.5", "k", "h"})
		commands := rapid.SampledFrom([][]string{
			{"GET"}, {"SET", "v"}, {"HSET", "limit", "2", "version", "1"}, {"HSET", "0", ""}, {"HGETALL"}, {"HMGET", "0", "limit"}, {"RPUSH", "a", "b"}, {"LRANGE", "0", "-1"}, {"DEL"},
			{"ZADD", "1.5", "m"}, {"ZRANGE", "0", "-1", "WITHSCORES"}, {"ZSCORE", "m"}, {"TYPE"}, {"INCR"}, {"INCRBYFLOAT", "1.5"}, {"PTTL"}, {"EXPIRE", "10"}, {"EXISTS"}, {"XADD", "1-1", "f", "v"}, {"LPOP"}, {"SMEMBERS"},
		})
		of := func(words []string) []string {
			return append([]string{words[0], key.Draw(rt, "key")}, words[1:]...)
		}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			c := clients[rapid.SampledFrom([]int{0, 0, 0, 0, 1, 1, 1, 2}).Draw(rt, "client")]
			switch rapid.IntRange(0, 15).Draw(rt, "act") {
			case 0:
				same(c, "MULTI")
			case 1:
				same(c, "EXEC")
			case 2:
				same(c, rapid.SampledFrom([]string{"DISCARD", "EXEC", "MULTI", "EVALSHA", "EVAL", "SCRIPT", "SELECT"}).Draw(rt, "command"), "x")
			case 3:
				same(c, "SELECT", rapid.SampledFrom([]string{"0", "1", "x", "-1"}).Draw(rt, "database"))
			case 4:
				same(c, "SCRIPT", rapid.SampledFrom([]string{"FLUSH", "LOAD", "NONE"}).Draw(rt, "subcommand"))
			case 5, 6:
				same(c, of(commands.Draw(rt, "command"))...)
			case 7:
				same(c, "SCRIPT", "LOAD", rapid.SampledFrom(texts).Draw(rt, "script"))
			case 8:
				same(c, rapid.SampledFrom([]string{"UNSUBSCRIBE", "PUNSUBSCRIBE", "SUBSCRIBE", "PSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE"}).Draw(rt, "command"), "c")
			case 9:
				same(c, "DISCARD")
			default:
				text := rapid.SampledFrom(texts).Draw(rt, "script")
				keys := rapid.SliceOfN(key, 0, 3).Draw(rt, "keys")
				arguments := rapid.SliceOfN(value, 0, 4).Draw(rt, "arguments")
				if strings.Contains(text, "unpack(ARGV)") && rapid.Bool().Draw(rt, "a command") {
					arguments = of(commands.Draw(rt, "command"))
				}
				numbers := rapid.SampledFrom([]string{strconv.Itoa(len(keys)), strconv.Itoa(len(keys)), strconv.Itoa(len(keys)), "-1", "x", "9"}).Draw(rt, "number of keys")
				words := append(append([]string{"EVALSHA", sum(text), numbers}, keys...), arguments...)
				same(c, words...)
				words[0], words[1] = "EVAL", text
				if rapid.Bool().Draw(rt, "the text") {
					same(c, words...)
				}
				words[0], words[1] = "EVALSHA", sum(text)
				same(c, words...)
				same(c, "HGETALL", "h")
				same(c, words...)
			}
		}
		for _, c := range clients {
			same(c, "UNSUBSCRIBE", "c")
			same(c, "PUNSUBSCRIBE", "c")
			same(c, "DISCARD")
			for _, database := range []string{"0", "1"} {
				same(c, "SELECT", database)
				for _, k := range []string{"k", "h", "l", "z", "none"} {
					same(c, "TYPE", k)
					same(c, "GET", k)
					same(c, "HLEN", k)
					same(c, "HMGET", k, "0", "limit", "version", "x")
				}
			}
		}
		here.mini.Lock()
		if here.scripts.idle != nil {
			ranHere++
		}
		here.mini.Unlock()
	})
	if ranHere < 10 {
		t.Errorf("in %d examples alone a script ran here", ranHere)
	}
}

// TestNothingComesBetweenTheCommandsOfAScript: neither commands, nor transactions, nor scripts that miniredis runs, nor time.
func TestNothingComesBetweenTheCommandsOfAScript(t *testing.T) {
	t.Parallel()
	const text = `redis.call('SET', KEYS[2], 'v', 'PX', '5')
		local first = tonumber(redis.call('GET', KEYS[1]) or '0')
		for i = 1, 20 do
			if redis.call('INCR', KEYS[1]) ~= first + i then return 'a change' end
			if redis.call('GET', KEYS[2]) ~= 'v' then return 'time' end
		end
		return redis.call('INCRBY', KEYS[1], -20) - first`
	const elsewhere = text + " + #_G" // miniredis runs this one
	s, dial := open(t)
	client := dial()
	for _, script := range []string{text, elsewhere} {
		if got := client.do("EVAL", script, "2", "k", "short"); got != ":0\r\n" {
			t.Fatal(got)
		}
	}
	if !s.runsHere(text) || s.runsHere(elsewhere) {
		t.Fatal("the scripts do not run where they should")
	}
	here, there := []string{"EVALSHA", sum(text), "2", "k", "short"}, []string{"EVALSHA", sum(elsewhere), "2", "k", "short"}
	var working, beside sync.WaitGroup
	ended := make(chan struct{})
	for range 3 {
		w := dial()
		working.Go(func() {
			for range 150 {
				if got := w.do(here...); got != ":0\r\n" {
					t.Errorf("%q", got)
				}
			}
		})
	}
	again := func(f func()) {
		beside.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
					f()
				}
			}
		})
	}
	for _, commands := range [][][]string{
		{{"INCR", "k"}, {"DECR", "k"}},
		{{"MULTI"}, {"INCRBY", "k", "5"}, here, there, {"EXEC"}},
		{there},
	} {
		w := dial()
		again(func() {
			for _, c := range commands {
				if got := w.do(c...); strings.Contains(got, "a change") || strings.Contains(got, "time") {
					t.Errorf("%q", got)
				}
			}
		})
	}
	again(func() { s.mini.FastForward(10 * time.Millisecond) })
	working.Wait()
	close(ended)
	beside.Wait()
}

// TestAScriptThatWaitsLetsOthersRun: a command that waits unlocks miniredis within a script.
func TestAScriptThatWaitsLetsOthersRun(t *testing.T) {
	t.Parallel()
	_, dial := open(t)
	waits, others := dial(), dial()
	const waiting, pushing = "return {redis.call('BLPOP', KEYS[1], '0'), ARGV[1]}", "return {redis.call('RPUSH', KEYS[1], ARGV[1]), ARGV[1]}"
	for _, text := range []string{waiting, pushing} {
		others.do("SCRIPT", "LOAD", text)
	}
	others.do("EVALSHA", sum(pushing), "1", "other", "x")
	waits.send("EVALSHA", sum(waiting), "1", "l", "first")
	for range 100 {
		if got, want := others.do("EVALSHA", sum(pushing), "1", "other", "x"), "*2\r\n:"; !strings.HasPrefix(got, want) {
			t.Fatalf("%q", got)
		}
	}
	others.do("EVALSHA", sum(pushing), "1", "l", "second")
	if got, want := waits.reply(), "*2\r\n*2\r\n$1\r\nl\r\n$6\r\nsecond\r\n$5\r\nfirst\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestARunLeavesNothing: what one run changes, the next one does not see. Each of these runs here or at miniredis, as it may.
func TestARunLeavesNothing(t *testing.T) {
	t.Parallel()
	s, dial := open(t)
	w := dial()
	const look = `return {#KEYS, #ARGV, KEYS[1] or '', ARGV[1] or '', ('x').format == string.format, string.format('%s', 1), redis.call('ECHO', 'x'),
		table.concat({1, 2}), math.floor(1.5), tostring(string.mark), tostring(math.mark), tostring(redis.mark), type(redis.pcall), redis.LOG_DEBUG}`
	wanted := w.do("EVAL", look, "0")
	if !s.runsHere(look) {
		t.Fatal("the script that looks does not run here")
	}
	seen := func(after string) {
		t.Helper()
		if got := w.do("EVALSHA", sum(look), "0"); got != wanted {
			t.Errorf("after %s: %q, want %q", after, got, wanted)
		}
	}
	for _, text := range []string{
		"KEYS = {1}", "KEYS[1] = 5 ARGV[1] = 5", "string.mark = 1", "string.format = nil", "local s = string local f = s.format s.mark = 1", "('x').__index.mark = 1", "('x')['__' .. 'index'].format = 1",
		"local s = string s.mark = 1", "local function f() return redis end f().mark = 1", "local m = {math} m[1].mark = 1", "rawset(_G, 'mark', 1) redis.mark = 2",
		"getmetatable('').__index = {}", "local r = redis r.call = error", "setfenv(0, {})", "(redis).mark = 1", "(redis or 1).mark = 1", "local function f(t) t.mark = 1 end f(string)",
		"for _, t in ipairs({string, math}) do t.mark = 1 end", "return string", "table.insert(string, 1)", "mark = 1", "function mark() end", "redis.call('NONE')", "return redis.call('SELECT', 9)",
		"local t = {} t.t = string t.t.mark = 1", "redis['mark'] = 1", "redis[KEYS[1]] = 1", "string, math = 1, 2", "do local string = {} string.mark = 1 end", "ipairs = 1",
		"local x = string.mark or string x.mark = 1", "local x x = string x.mark = 1", "local x = {} x.x = math x.x.mark = 1", "redis.call('HELLO', '3')", "redis.call('QUIT')", "redis.pcall('SELECT', '3')",
		"local f = redis.call f('SELECT', '3')", "local f = redis.pcall f('SELECT', '3')",
	} {
		w.do("SCRIPT", "LOAD", text)
		for range 2 {
			w.do("EVALSHA", sum(text), "1", "key", "argument")
			seen(text)
		}
	}
	const function = "return {'x', function() end}" // ends the process where miniredis runs it
	w.do("SCRIPT", "LOAD", function)
	if !s.runsHere(function) {
		t.Fatal("the script that returns a function does not run here")
	}
	if got := w.do("EVALSHA", sum(function), "0"); !strings.Contains(got, "-ERR") {
		t.Errorf("%q", got)
	}
	seen("a function")
}

// TestTheProductsScriptsRunHere, after an EVAL that succeeded and after SCRIPT LOAD, until they are flushed.
func TestTheProductsScriptsRunHere(t *testing.T) {
	t.Parallel()
	s, dial := open(t)
	w := dial()
	for name, text := range ours(t) {
		w.do("SCRIPT", "LOAD", text)
		if !s.runsHere(text) {
			t.Errorf("%s does not run here", name)
		}
	}
	for text, want := range map[string]bool{
		"return 1": true, "error('x')": false, "return redis.call(": false, "return nosuch": false, "return pcall(error)": false,
		"return cjson.encode(1)": false, "return {string.format('x'), redis.sha1hex('')}": true,
	} {
		w.do("EVAL", text, "0")
		if got := s.runsHere(text); got != want {
			t.Errorf("%q runs here: %v, want %v", text, got, want)
		}
	}
	w.do("SCRIPT", "FLUSH")
	if s.runsHere("return 1") {
		t.Error("a script that was flushed runs here")
	}
	if got := w.do("EVALSHA", sum("return 1"), "0"); !strings.HasPrefix(got, "-NOSCRIPT") {
		t.Errorf("%q", got)
	}
	w.do("EVAL", "return 1", "0")
	for _, command := range []string{"MULTI", "SCRIPT", "EXEC"} {
		w.do(slices.DeleteFunc([]string{command, map[string]string{"SCRIPT": "FLUSH"}[command]}, func(s string) bool { return s == "" })...)
	}
	if s.runsHere("return 1") {
		t.Error("a script that a transaction flushed runs here")
	}
}

// runsHere reports whether the script is among those that run here.
func (s *Server) runsHere(text string) bool {
	_, ok := s.scripts.known.Load(sum(text))
	return ok
}

// TestScriptsFollowTheirConnection to its database, and wait where it collects commands.
func TestScriptsFollowTheirConnection(t *testing.T) {
	t.Parallel()
	s, dial := open(t)
	const get, selects, waits = "return redis.call('GET', 'k')", "return redis.call('SELECT', '1')", "+QUEUED\r\n"
	in := []string{"$4\r\nzero\r\n", "$3\r\none\r\n"}
	w := dial()
	for _, c := range [][]string{{"SET", "k", "zero"}, {"SELECT", "1"}, {"SET", "k", "one"}, {"SELECT", "0"}, {"SCRIPT", "LOAD", get}, {"SCRIPT", "LOAD", selects}} {
		w.do(c...)
	}
	if !s.runsHere(get) || !s.runsHere(selects) {
		t.Fatal("the scripts do not run here")
	}
	evalsha := []string{"EVALSHA", sum(get), "0"}
	for n, c := range []struct {
		command []string
		want    string
	}{
		{evalsha, in[0]},
		{[]string{"EVALSHA", sum(selects), "0"}, "+OK\r\n"}, {evalsha, in[0]},
		{[]string{"SELECT", "1"}, "+OK\r\n"}, {evalsha, in[1]},
		{[]string{"MULTI"}, "+OK\r\n"}, {[]string{"SELECT", "0"}, waits}, {evalsha, waits},
		{[]string{"EXEC"}, "*2\r\n+OK\r\n" + in[0]}, {evalsha, in[0]},
		{[]string{"MULTI"}, "+OK\r\n"}, {[]string{"EXEC", "x"}, "-ERR wrong number of arguments for 'exec' command\r\n"}, {evalsha, waits},
		{[]string{"DISCARD"}, "+OK\r\n"}, {evalsha, in[0]},
	} {
		if got := w.do(c.command...); got != c.want {
			t.Errorf("%d %q: %q, want %q", n, c.command, got, c.want)
		}
	}
}

// TestConnectionsThatEndedAreForgotten, whatever they did.
func TestConnectionsThatEndedAreForgotten(t *testing.T) {
	t.Parallel()
	s, dial := open(t)
	for _, command := range [][]string{{"EVAL", "return redis.call('EVAL', 'x', '0')", "0"}, {"EVALSHA", sum("return redis.pcall('MULTI')"), "0"}, {"MULTI"}, {"SUBSCRIBE", "c"}, {"QUIT"}} {
		w := dial()
		w.do("SCRIPT", "LOAD", "return redis.pcall('MULTI')")
		w.do(command...)
		_ = w.conn.Close()
	}
	for s.callersKept() > 0 {
		time.Sleep(time.Millisecond) // until the test's time is up
	}
}

func (s *Server) callersKept() (n int) {
	s.scripts.callers.Range(func(any, any) bool {
		n++
		return true
	})
	return n
}
