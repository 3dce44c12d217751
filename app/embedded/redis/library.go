package redis

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// library is the table redis as miniredis has it, to the word of its errors.
func (m *machine) library() *lua.LTable {
	t := m.state.NewTable()
	for level, name := range []string{"LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING"} {
		t.RawSetString(name, lua.LNumber(level))
	}
	return m.state.SetFuncs(t, map[string]lua.LGFunction{
		"call":         func(l *lua.LState) int { return m.command(l, false) },
		"pcall":        func(l *lua.LState) int { return m.command(l, true) },
		"setresp":      m.setProtocol,
		"error_reply":  errorReply,
		"status_reply": statusReply,
		"log": func(l *lua.LState) int {
			l.CheckInt(1)
			l.CheckString(2)
			return 0
		},
		"sha1hex": func(l *lua.LState) int {
			if l.GetTop() != 1 {
				return fail(l, "wrong number of arguments")
			}
			l.Push(lua.LString(sum(lua.LVAsString(l.Get(1)))))
			return 1
		},
		"replicate_commands": func(l *lua.LState) int {
			l.Push(lua.LTrue)
			return 1
		},
		"set_repl": func(l *lua.LState) int {
			if l.GetTop() != 1 {
				return fail(l, "wrong number of arguments")
			}
			return 1
		},
	})
}

// setProtocol has an effect only if the script fails.
func (m *machine) setProtocol(l *lua.LState) int {
	version := l.CheckInt(1)
	if version != 2 && version != 3 {
		return fail(l, "RESP version must be 2 or 3")
	}
	third := version == 3
	m.peer.SwitchResp3 = &third
	return 0
}

func errorReply(l *lua.LState) int {
	message, ok := l.Get(1).(lua.LString)
	if !ok {
		return fail(l, "wrong number or type of arguments")
	}
	code, rest, more := strings.Cut(string(message), " ")
	code = strings.TrimPrefix(code, "-")
	if !more {
		code, rest = "ERR", code
	}
	l.Push(field("err", code+" "+rest))
	return 1
}

func statusReply(l *lua.LState) int {
	message, ok := l.Get(1).(lua.LString)
	if !ok {
		return fail(l, "wrong number or type of arguments")
	}
	l.Push(field("ok", string(message)))
	return 1
}

// fail raises an error.
func fail(l *lua.LState, message string) int {
	l.Error(lua.LString(message), 1)
	return 0
}

// field is a table with one field, made as miniredis makes it.
func field(name, value string) *lua.LTable {
	t := &lua.LTable{}
	t.RawSetString(name, lua.LString(value))
	return t
}
