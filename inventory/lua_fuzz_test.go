package inventory

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/rueidis"
)

// FuzzReserveReply: an answer is one place for each shopper in their order, or an error. There is never one place too
// many, and never one that the server did not write.
func FuzzReserveReply(f *testing.F) {
	for _, seed := range []string{"", "M", "R", "RHF", "MM", "RRX", "rhf", "R\x00F", "RÉF", strings.Repeat("F", 500)} {
		f.Add(seed, len(seed))
		f.Add(seed, 1)
	}
	f.Fuzz(func(t *testing.T, reply string, users int) {
		places, err := appendPlaces(nil, reply, users)
		if err != nil {
			if places != nil || !errors.Is(err, ErrMissing) && !errors.Is(err, ErrUnavailable) {
				t.Fatalf("%q for %d shoppers: %v and %v", reply, users, places, err)
			}
			return
		}
		var said strings.Builder
		for _, p := range places {
			said.WriteString(strings.ToUpper(p.String()[:1]))
		}
		if len(places) != users || said.String() != reply {
			t.Fatalf("%q for %d shoppers was read as %v", reply, users, places)
		}
	})
}

// store is a sale's keys on one server, asked without a guard.
type store struct {
	t      testing.TB
	client rueidis.Client
	keys   []string // holders, limit, prepared
}

func (s store) run(script *rueidis.Lua, keys []string, args ...int64) rueidis.RedisResult {
	return script.Exec(context.Background(), s.client, keys, decimal(args))
}

func (s store) do(words ...string) {
	if err := s.client.Do(context.Background(), s.client.B().Arbitrary(words...).Build()).Error(); err != nil {
		s.t.Fatalf("%q: %v", words, err)
	}
}

// count is what Go reads of the script's answer.
func (s store) count() ([]int64, error) {
	n, err := s.run(countScript, s.keys[:2]).AsIntSlice()
	return n, classify(err)
}

// putLimit puts a limit, and holders with nobody among them, where the product keeps them.
func (s store) putLimit(limit, version string) {
	s.do("DEL", s.keys[0], s.keys[1], s.keys[2])
	s.do("HSET", s.keys[0], loadedMark, "")
	s.do("HSET", s.keys[1], "limit", limit, "version", version)
	s.do("HSET", s.keys[2], loadedMark, "", "7", "")
}

// isRepaired: whatever the limit and its version are, each script either reads both as numbers, as Go does, or names
// the wrong type. After a repair a ledger of a million versions can be loaded.
func (s store) isRepaired(limit, version string) {
	s.t.Helper()
	s.putLimit(limit, version)
	n, err := s.count()
	switch {
	case err == nil && (len(n) != 3 || !same(n[1], limit) || !same(n[2], version)):
		s.t.Fatalf("limit %q of version %q was read as %v", limit, version, n)
	case err != nil && !errors.Is(err, ErrWrongType):
		s.t.Fatalf("limit %q of version %q: %v, and nobody repairs that", limit, version, err)
	}
	places, refused := s.run(reserveScript, s.keys[:2], 7).ToString()
	if room, _ := strconv.ParseInt(limit, 10, 64); places == "R" && room < 1 || refused != nil && !errors.Is(classify(refused), ErrWrongType) {
		s.t.Fatalf("limit %q gave %q, %v", limit, places, refused)
	}
	if _, err := s.run(limitScript, s.keys[1:2], 5, 2).AsInt64(); err != nil && !errors.Is(classify(err), ErrWrongType) {
		s.t.Fatalf("limit %q of version %q: %v", limit, version, err)
	}
	s.putLimit(limit, version)
	s.do("DEL", s.keys[0])
	if _, err := s.run(loadScript, s.keys, 5, 2, 2).ToString(); err != nil && !errors.Is(classify(err), ErrWrongType) {
		s.t.Fatalf("limit %q of version %q: %v", limit, version, err)
	}
	s.putLimit(limit, version)
	if _, err := s.run(repairScript, s.keys[:2]).AsInt64(); err != nil {
		s.t.Fatalf("limit %q of version %q: %v", limit, version, err)
	}
	if n, err = s.count(); err != nil {
		s.t.Fatalf("limit %q of version %q is repaired: %v", limit, version, err)
	}
	s.do("DEL", s.keys[0])
	outcome, err := s.run(loadScript, s.keys, 5, 1_000_000, 2).ToString()
	if err != nil || outcome != "loaded" && n[2] <= 1_000_000 {
		s.t.Fatalf("limit %q of version %q: %q, %v after %v", limit, version, outcome, err, n)
	}
}

// same is true when a text is that number, perhaps with zeros before it.
func same(n int64, text string) bool {
	given, err := strconv.ParseUint(text, 10, 63)
	return err == nil && int64(given) == n && text[0] != '+'
}

var oddNumbers = []string{
	"5", "", "0", "-1", "5.5", "1e3", "0x10", "nan", "inf", "-inf", " 5", "5 ", "5\n", "5\x00", "٥", "1_000", "+5", "007",
	"999999999999999", "9007199254740993", "9223372036854775808", "1e400", "5,5", "five", "\xff", strings.Repeat("9", 400),
}

func FuzzStoredLimit(f *testing.F) {
	for _, odd := range oddNumbers {
		f.Add(odd, "1")
		f.Add("5", odd)
	}
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{miniredis.RunT(f).Addr()}, DisableCache: true, AlwaysRESP2: true, ForceSingleClient: true,
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(client.Close)
	f.Fuzz(func(t *testing.T, limit, version string) {
		store{t, client, []string{"{s}:holders", "{s}:limit", "{s}:loading"}}.isRepaired(limit, version)
	})
}

// TestStoredLimitOnEachServer is the fuzz target's property on a real Redis, whose Lua reads numbers as C does.
func TestStoredLimitOnEachServer(t *testing.T) {
	t.Parallel()
	for _, server := range scriptServers(t) {
		s := store{t, server.client, []string{server.ns + ":{s}:holders", server.ns + ":{s}:limit", server.ns + ":{s}:loading"}}
		for _, odd := range oddNumbers {
			s.isRepaired(odd, "1")
			s.isRepaired("5", odd)
		}
	}
}
