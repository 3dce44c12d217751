package redis

import (
	"bufio"
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/alicebob/miniredis/v2"
)

// BenchmarkScripts compares a reservation of one unit here with what miniredis takes.
func BenchmarkScripts(b *testing.B) {
	text, err := os.ReadFile("../../../inventory/reserve.lua")
	if err != nil {
		b.Fatal(err)
	}
	s := Start()
	defer func() { _ = s.Close() }()
	plain := miniredis.NewMiniRedis()
	plain.RequireAuth(s.password)
	defer plain.Close()
	here := func() (net.Conn, error) { return s.Dial(b.Context(), "", "") }
	for name, dial := range map[string]func() (net.Conn, error){"at=here": here, "at=miniredis": plain.Dial} {
		b.Run(name, func(b *testing.B) {
			conn, err := dial()
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			w := wire{b, conn, bufio.NewReader(conn)}
			w.do("AUTH", s.password)
			w.do("DEL", "holders")
			w.do("HSET", "holders", "0", "")
			w.do("HSET", "limit", "limit", "1000000000", "version", "1")
			w.do("SCRIPT", "LOAD", string(text))
			sha, user := sum(string(text)), 1
			b.ReportAllocs()
			for b.Loop() {
				user++
				if got := w.do("EVALSHA", sha, "2", "holders", "limit", strconv.Itoa(user)); got != "$1\r\nR\r\n" {
					b.Fatal(got)
				}
			}
		})
	}
}
