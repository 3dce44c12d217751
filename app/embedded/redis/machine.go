package redis

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/alicebob/miniredis/v2/server"
	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// confinedTo is what a script that runs here may name. The functions cannot be changed, and of the tables a script can have
// nothing but a field, so that it cannot leave anything to the next. KEYS and ARGV are new for each.
func confinedTo(name string) (known, table bool) {
	switch name {
	case "KEYS", "ARGV", "assert", "error", "ipairs", "next", "pairs", "select", "tonumber", "tostring", "type", "unpack":
		return true, false
	case "redis", "string", "table", "math":
		return true, true
	}
	return false, false
}

// compile is what miniredis does with a script, but that a run makes no table of the script's arguments: it has none, and no name
// for the table either.
func compile(text string) (*lua.FunctionProto, error) {
	chunk, err := parse.Parse(strings.NewReader(text), "<string>")
	if err != nil {
		return nil, err
	}
	code, err := lua.Compile(chunk, "")
	if err != nil {
		return nil, err
	}
	code.IsVarArg &^= lua.VarArgNeedsArg
	return code, nil
}

// confined reports whether the code reads no global names but those, and sets none. A table must be followed at once by the
// constant field that is wanted, in the same register, so that the script never holds the table.
func confined(code *lua.FunctionProto) bool {
	for at, instruction := range code.Code {
		a, b := instruction>>18&0xff, instruction&0x3ffff
		switch int(instruction >> 26) {
		case lua.OP_SETGLOBAL:
			return false
		case lua.OP_GETGLOBAL:
			if int(b) >= len(code.Constants) {
				return false
			}
			known, table := confinedTo(code.Constants[b].String())
			if known && !table {
				continue
			}
			if !known || at+1 == len(code.Code) {
				return false
			}
			next := code.Code[at+1]
			if int(next>>26) != lua.OP_GETTABLEKS || next>>18&0xff != a || next&0x1ff != a {
				return false
			}
		}
	}
	return !slices.ContainsFunc(code.FunctionPrototypes, func(f *lua.FunctionProto) bool { return !confined(f) })
}

// machine is a Lua state with what scripts need, for one script at a time.
type machine struct {
	state    *lua.LState
	server   *server.Server
	probeSHA string
	buffer   bytes.Buffer // the reply to a command
	writer   *bufio.Writer
	reader   *bufio.Reader

	call
	selected bool // the script has selected a database
}

// call is a run of a script. The contexts are those of redis.call and redis.pcall.
type call struct {
	peer       *server.Peer
	contexts   []any
	sha        string
	keys, argv []string
}

func newMachine(s *server.Server, probeSHA string) *machine {
	m := &machine{state: lua.NewState(lua.Options{SkipOpenLibs: true}), server: s, probeSHA: probeSHA}
	m.writer, m.reader = bufio.NewWriter(&m.buffer), bufio.NewReader(&m.buffer)
	for _, open := range []lua.LGFunction{lua.OpenPackage, lua.OpenBase, lua.OpenTable, lua.OpenString, lua.OpenMath} {
		m.state.Push(m.state.NewFunction(open))
		m.state.Call(0, 0)
	}
	// The methods of strings are the table itself in Lua, and it can be had from any string.
	library := m.state.GetGlobal("string").(*lua.LTable)
	library.RawSetString("__index", lua.LNil)
	methods := m.state.NewTable()
	methods.RawSetString("__index", library)
	m.state.SetMetatable(lua.LString(""), methods)
	m.state.SetGlobal("redis", m.library())
	return m
}

// run runs a script, answers, and reports whether the machine may be used again.
func (m *machine) run(code *lua.FunctionProto, c call) bool {
	m.call, m.selected = c, false
	defer func() { m.call = call{} }()
	m.state.SetGlobal("KEYS", m.list(c.keys))
	m.state.SetGlobal("ARGV", m.list(c.argv))
	m.state.Push(m.state.NewFunctionFromProto(code))
	protocol := c.peer.Resp3
	if err := m.state.PCall(0, lua.MultRet, nil); err != nil {
		c.peer.WriteError("ERR Error compiling script (new function): " + err.Error()) // as miniredis says it
		if c.peer.SwitchResp3 != nil {
			c.peer.Resp3, c.peer.SwitchResp3 = *c.peer.SwitchResp3, nil
		}
		return false
	}
	m.answer(m.state.Get(1))
	c.peer.Resp3, c.peer.SwitchResp3 = protocol, nil
	m.state.SetTop(0)
	return true
}

func (m *machine) list(values []string) *lua.LTable {
	t := m.state.CreateTable(len(values), 0)
	for i, v := range values {
		t.RawSetInt(i+1, lua.LString(v))
	}
	return t
}

// answer writes what the script returned.
func (m *machine) answer(value lua.LValue) {
	switch v := value.(type) {
	case lua.LBool:
		if v {
			m.peer.WriteInt(1)
		} else {
			m.peer.WriteNull()
		}
	case lua.LNumber:
		m.peer.WriteInt(int(v))
	case lua.LString:
		m.peer.WriteBulk(string(v))
	case *lua.LTable:
		if s := v.RawGetString("err"); s != lua.LNil {
			m.peer.WriteError(s.String())
			return
		}
		if s := v.RawGetString("ok"); s != lua.LNil {
			m.peer.WriteInline(s.String())
			return
		}
		length := 0
		for v.RawGetInt(length+1) != lua.LNil {
			length++
		}
		m.peer.WriteLen(length)
		for i := range length {
			m.answer(v.RawGetInt(i + 1))
		}
	case *lua.LFunction: // miniredis would end the process
		m.peer.WriteError("ERR a script returned a function")
	default:
		m.peer.WriteNull()
	}
}

// command is redis.call, or redis.pcall, which returns errors instead of raising them.
func (m *machine) command(l *lua.LState, protected bool) int {
	top := l.GetTop()
	if top == 0 {
		return fail(l, "Please specify at least one argument for this redis lib call script: "+m.sha+", &c.")
	}
	args := make([]string, top) // miniredis may keep it
	for i := range args {
		switch a := l.Get(i + 1).(type) {
		case lua.LNumber, lua.LString:
			args[i] = a.String()
		default:
			return fail(l, "Lua redis lib command arguments must be strings or integers script: "+m.sha+", &c.")
		}
	}
	reply, err := m.dispatch(args, protected)
	if err == nil {
		l.Push(m.value(reply))
		return 1
	}
	message := strings.ReplaceAll(err.Error(), m.probeSHA, m.sha) // in refusals of what scripts may not do
	unknown := strings.Contains(message, "ERR unknown command")
	switch {
	case unknown && protected:
		message = "ERR Unknown Redis command called from script"
	case unknown:
		message = "Unknown Redis command called from script script: " + m.sha + ", &c."
	}
	if !protected {
		return fail(l, message)
	}
	l.Push(field("err", message))
	return 1
}

// dispatch runs a command of the script.
func (m *machine) dispatch(args []string, protected bool) (any, error) {
	m.selected = m.selected || strings.EqualFold(args[0], "SELECT")
	peer := server.NewPeer(m.writer) // a new one, because commands such as HELLO and QUIT change it
	peer.Ctx = m.contexts[0]
	if protected {
		peer.Ctx = m.contexts[1]
	}
	m.buffer.Reset()
	m.server.Dispatch(peer, args)
	_ = m.writer.Flush()
	m.reader.Reset(&m.buffer)
	return server.ParseReply(m.reader)
}

// value is a reply in Lua.
func (m *machine) value(reply any) lua.LValue {
	switch r := reply.(type) {
	case nil:
		return lua.LFalse
	case int:
		return lua.LNumber(r)
	case string:
		return lua.LString(r)
	case server.Simple:
		return field("ok", string(r))
	case []any:
		t := m.state.CreateTable(len(r), 0)
		for i, e := range r {
			if s, ok := e.(server.Simple); ok {
				_ = any(s).(string) // miniredis panics here, and the script fails
			}
			t.RawSetInt(i+1, m.value(e))
		}
		return t
	}
	panic(fmt.Sprintf("type not handled (%T)", reply))
}
