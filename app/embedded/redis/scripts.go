package redis

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // Redis names scripts by it
	"encoding/hex"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	lua "github.com/yuin/gopher-lua"
)

// scripts runs EVALSHA in a Lua state that is used again. For each run miniredis makes a state with all libraries and a data
// stack, about 200 KB in 800 pieces, and that takes ten times as long as a script of the product.
//
// A script runs here as it does there: miniredis is locked from its first command to its last, and the commands carry the
// context by which miniredis knows a script's commands. That context has the caller's database, and a name nobody outside
// miniredis can say. Therefore each caller's is taken from a script that miniredis runs for the caller: the probe. Whoever may
// not run a script gets no context, and whatever is not certain to run the same here is left to miniredis.
type scripts struct {
	mini     *miniredis.Miniredis
	server   *server.Server
	known    sync.Map // *lua.FunctionProto by SHA1: what miniredis knows too and stays within its bounds
	callers  sync.Map // *caller by *server.Peer: the connections
	probe    string   // a script
	probing  string   // the command in it, which nobody knows
	probeSHA string

	// mu is held while known changes and while a probe runs. Miniredis is locked after it, never before.
	mu       sync.Mutex
	own      *server.Peer
	reply    bytes.Buffer // to own
	replies  *bufio.Writer
	contexts []any // what the probe has found

	idle *machine // guarded by the lock of mini
}

// caller is a connection. Only the goroutine that serves it uses it.
type caller struct {
	contexts []any // of redis.call and redis.pcall, in the database that is selected; nil when they are not known
	multi    bool  // commands may be waiting for EXEC
	passing  bool  // a command is on its way to miniredis
}

// newScripts makes the server run scripts here. It has no connections yet.
func newScripts(mini *miniredis.Miniredis, password string) *scripts {
	s := &scripts{mini: mini, server: mini.Server(), probing: "PROBE-" + rand.Text()}
	s.probe = "redis.call('" + s.probing + "') redis.pcall('" + s.probing + "')"
	s.probeSHA = sum(s.probe)
	s.replies = bufio.NewWriter(&s.reply)
	s.own = server.NewPeer(s.replies)
	s.server.Dispatch(s.own, []string{"AUTH", password})
	s.server.SetPreHook(s.hook)
	return s
}

// hook sees every command before miniredis, those of scripts too: miniredis is locked then. It reports whether it has answered.
func (s *scripts) hook(peer *server.Peer, command string, args ...string) bool {
	if peer.Ctx == nil { // a new connection: commands of scripts have a context from the start
		if _, before := s.callers.LoadOrStore(peer, &caller{}); !before {
			peer.OnDisconnect(func() { s.callers.Delete(peer) })
		}
	}
	switch command {
	case "EVALSHA", "EVAL", "SCRIPT", "MULTI", "EXEC", "DISCARD", "SELECT",
		"SUBSCRIBE", "PSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE":
		if found, ok := s.callers.Load(peer); ok {
			return s.of(peer, found.(*caller), command, args)
		}
	case s.probing:
		s.contexts = append(s.contexts, peer.Ctx)
		peer.WriteOK()
		return true
	}
	return false
}

// of runs a caller's script, or notes what a caller's command changes.
func (s *scripts) of(peer *server.Peer, c *caller, command string, args []string) bool {
	if c.passing {
		return false
	}
	switch command {
	case "EVALSHA":
		return s.run(peer, c, args)
	case "EVAL":
		s.pass(peer, c, command, args)
		if len(args) > 0 {
			s.learn(args[0])
		}
		return true
	case "SCRIPT":
		s.pass(peer, c, command, args)
		if len(args) == 2 && strings.EqualFold(args[0], "LOAD") {
			s.learn(args[1])
		} else {
			s.unlearn()
		}
		return true
	case "EXEC":
		s.pass(peer, c, command, args)
		s.unlearn()                        // SCRIPT FLUSH may have been among the commands
		c.multi = c.multi && len(args) > 0 // with arguments it is refused, and more may follow
		return true
	case "DISCARD":
		c.multi = c.multi && len(args) > 0
	case "MULTI":
		c.multi = true
	default:
		c.contexts = nil
	}
	return false
}

// pass lets miniredis run a command now.
func (s *scripts) pass(peer *server.Peer, c *caller, command string, args []string) {
	c.passing = true
	s.server.Dispatch(peer, append([]string{command}, args...))
	c.passing = false
}

// learn keeps a script that miniredis has kept, if it may run here.
func (s *scripts) learn(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sha := sum(text)
	if _, ok := s.known.Load(sha); ok || !s.kept(sha) {
		return
	}
	if code, err := compile(text); err == nil && confined(code) {
		s.known.Store(sha, code)
	}
}

// unlearn forgets what miniredis has forgotten.
func (s *scripts) unlearn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known.Range(func(sha, _ any) bool {
		if !s.kept(sha.(string)) {
			s.known.Delete(sha)
		}
		return true
	})
}

// kept reports whether miniredis knows the script.
func (s *scripts) kept(sha string) bool {
	s.reply.Reset()
	s.replies.Reset(&s.reply)
	s.server.Dispatch(s.own, []string{"SCRIPT", "EXISTS", sha})
	_ = s.replies.Flush()
	return s.reply.String() == "*1\r\n:1\r\n"
}

// run runs a known script whose keys are counted as they should be, for a caller who may. Miniredis refuses the others.
func (s *scripts) run(peer *server.Peer, c *caller, args []string) bool {
	if c.multi || len(args) < 2 {
		return false
	}
	code, ok := s.known.Load(args[0])
	if !ok {
		return false
	}
	keys, err := strconv.Atoi(args[1])
	if err != nil || keys < 0 || keys > len(args)-2 || !s.contextsOf(peer, c) {
		return false
	}
	s.mini.Lock()
	defer s.mini.Unlock()
	m := s.idle
	s.idle = nil // a command that waits unlocks miniredis, so the next script may begin before this one ends
	if m == nil {
		m = newMachine(s.server, s.probeSHA)
	}
	sound := m.run(code.(*lua.FunctionProto), call{peer, c.contexts, args[0], args[2 : 2+keys], args[2+keys:]})
	if m.selected {
		c.contexts = nil // the script has changed them
	}
	if sound {
		s.idle = m
	}
	return true
}

// contextsOf probes what scripts of the caller carry, and reports whether the caller may run one.
func (s *scripts) contextsOf(peer *server.Peer, c *caller) bool {
	if c.contexts != nil || peer.Ctx == nil {
		return c.contexts != nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.contexts = nil
	caller := server.NewPeer(bufio.NewWriter(io.Discard))
	caller.Ctx = peer.Ctx
	s.server.Dispatch(caller, []string{"EVAL", s.probe, "0"})
	if len(s.contexts) == 2 {
		c.contexts = s.contexts
	}
	return c.contexts != nil
}

// sum is the name of a script.
func sum(text string) string {
	hash := sha1.Sum([]byte(text)) //nolint:gosec // Redis names scripts by it
	return hex.EncodeToString(hash[:])
}
