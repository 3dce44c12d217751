package directory

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"flashsale/users"
)

// plainCache behaves as cache has to, with plain maps.
type plainCache struct {
	accounts map[int64]users.Record
	names    map[string]int64
	pinned   map[int64]bool
}

func newPlainCache() *plainCache {
	return &plainCache{map[int64]users.Record{}, map[string]int64{}, map[int64]bool{}}
}

func (p *plainCache) put(r users.Record, pin bool) {
	old, known := p.accounts[r.ID]
	switch {
	case known && old.Changed > r.Changed:
		p.pinned[r.ID] = p.pinned[r.ID] || pin
		return
	case known:
		p.forget(old)
	}
	if p.pinned[r.ID] = p.pinned[r.ID] || pin; !r.Archived || p.pinned[r.ID] {
		p.accounts[r.ID] = r
		p.names[r.UsernameKey], p.names[r.EmailKey] = r.ID, r.ID
	}
}

func (p *plainCache) forget(r users.Record) {
	delete(p.accounts, r.ID)
	for _, name := range []string{r.UsernameKey, r.EmailKey} {
		if p.names[name] == r.ID {
			delete(p.names, name)
		}
	}
}

// Whatever is done in whatever order, a look-up answers as plain maps do: with good hashes, with hashes that often
// collide, and with one hash for all names.
func TestCacheBehavesLikeAPlainMap(t *testing.T) {
	t.Parallel()
	for name, hash := range map[string]func(string) uint64{
		"keyed":            nil,
		"often the same":   func(name string) uint64 { return uint64(len(name)%3)<<40 | uint64(strings.Count(name, "@"))<<32 },
		"nearly all equal": func(name string) uint64 { return uint64(strings.Count(name, "@")) << 32 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(3, 4))
			h, want := newCache(1000), newPlainCache()
			if hash != nil {
				h.names.hash = hash
			}
			for n := range 30_000 {
				if n%7000 == 6999 {
					for _, id := range h.clear(0) {
						if _, kept := want.accounts[id]; !kept || !want.pinned[id] {
							t.Fatalf("%d was pinned", id)
						}
					}
					want = newPlainCache()
				}
				r := randomRecord(random, int64(n))
				pin := random.IntN(400) == 0
				h.add([]users.Record{r}, int64(n), pin)
				want.put(r, pin)
				if n%1000 == 0 {
					sameCache(t, h, want)
				}
			}
			sameCache(t, h, want)
		})
	}
}

// randomRecord is one of few accounts under one of few names, which are sometimes those of another account.
func randomRecord(random *rand.Rand, version int64) users.Record {
	id := int64(random.IntN(100)) + 1
	r := users.Record{Changed: version - int64(random.IntN(300))}
	r.Archived = random.IntN(5) == 0
	r.ID, r.MayPurchase = id, random.IntN(2) == 0
	r.UsernameKey = fmt.Sprint("name", id, strings.Repeat("x", random.IntN(2)*random.IntN(400)))
	r.EmailKey = r.UsernameKey + "@example.com"
	if random.IntN(3) == 0 {
		r.EmailKey = fmt.Sprint(random.IntN(100), "@example.com")
	}
	r.Username = r.UsernameKey
	if random.IntN(3) == 0 {
		r.Username = strings.ToUpper(r.UsernameKey)
	}
	return r
}

func sameCache(t *testing.T, h *cache, want *plainCache) {
	t.Helper()
	if h.ids.count != len(want.accounts) {
		t.Fatalf("%d accounts are in the cache, want %d", h.ids.count, len(want.accounts))
	}
	for id, r := range want.accounts {
		at, _ := h.ids.find(id)
		if at == 0 || h.arena.at(at).changed() != r.Changed {
			t.Fatalf("account %d lies at %d, want %+v", id, at, r)
		}
		for _, name := range []string{r.UsernameKey, r.EmailKey, r.UsernameKey + "x", r.UsernameKey[:5]} {
			owner, exists := want.accounts[want.names[name]]
			if got, ok := h.names.find(name); ok != exists || got != known(&owner) {
				t.Fatalf("%s is %+v, %v; want %+v, %v", name, got, ok, known(&owner), exists)
			}
		}
	}
	count := 0
	for i := range h.names.shards {
		count += h.names.shards[i].count
	}
	if count != len(want.names) {
		t.Fatalf("%d names are in the cache, want %d", count, len(want.names))
	}
}

// When both names of an account have the same hash, they share a slot. A name that is then not found is asked of
// Postgres; no name leads to another account.
func TestBothNamesOfAnAccountMayCollide(t *testing.T) {
	t.Parallel()
	h := newCache(100)
	h.names.hash = func(string) uint64 { return 0 }
	one, other := seriesRecord(1), seriesRecord(2)
	h.add([]users.Record{one, other}, 0, false)
	moved := one
	moved.Changed, moved.EmailKey = 1, "new@example.com"
	h.add([]users.Record{moved}, 1, false)
	for name, id := range map[string]int64{
		one.UsernameKey: 1, moved.EmailKey: 1, one.EmailKey: 0, other.UsernameKey: 2, other.EmailKey: 2, "nobody": 0,
	} {
		if a, ok := h.names.find(name); a.ID != id || ok != (id != 0) {
			t.Errorf("%s is %+v, %v", name, a, ok)
		}
	}
	other.Changed, other.Archived = 2, true
	h.follow([]users.Record{other})
	for name, id := range map[string]int64{one.UsernameKey: 1, moved.EmailKey: 1, other.UsernameKey: 0, other.EmailKey: 0} {
		if a, ok := h.names.find(name); a.ID != id || ok != (id != 0) {
			t.Errorf("%s is %+v, %v", name, a, ok)
		}
	}
}

// Most of the memory that is written is used, however often accounts change and whichever accounts stay between them.
func TestMemoryOfChangedAccountsIsUsedAgain(t *testing.T) {
	t.Parallel()
	const accounts, rounds = 5_000, 40
	h := newCache(1_000_000)
	for round := range rounds {
		for n := range accounts {
			r := seriesRecord(n + 1)
			r.Changed = int64(round)
			h.add([]users.Record{r}, r.Changed, false)
		}
		// One account never changes again, and lies between those that do.
		h.add([]users.Record{seriesRecord(accounts + round + 1)}, int64(round), round%2 == 0)
	}
	mostlyUsed(t, h)
	for n := range accounts + rounds {
		if a, ok := h.names.find(users.SeriesName(n + 1)); !ok || a.ID != int64(n+1) {
			t.Fatalf("%s is %+v", users.SeriesName(n+1), a)
		}
	}
	for round := range rounds {
		if _, pinned := h.ids.find(int64(accounts + round + 1)); pinned != (round%2 == 0) {
			t.Errorf("account %d is pinned: %v", accounts+round+1, pinned)
		}
	}
}

// An account that comes and goes leaves gaps in the chunk that is being filled. One account that stays must not keep
// the whole chunk.
func TestGapsCountBeforeAChunkIsFull(t *testing.T) {
	t.Parallel()
	h := newCache(1_000_000)
	for n := range 60_000 {
		r := seriesRecord(1)
		r.Changed, r.Archived = int64(n), n%2 == 1
		h.follow([]users.Record{r})
		if n%1000 == 999 {
			h.follow([]users.Record{seriesRecord(n)})
		}
	}
	mostlyUsed(t, h)
}

// mostlyUsed proves that at least half of the memory for records is for accounts in the cache.
func mostlyUsed(t *testing.T, h *cache) {
	t.Helper()
	wanted, chunks := 0, 0
	for i := range h.ids.shards {
		for _, slot := range h.ids.shards[i].slots {
			if slot != 0 {
				wanted += units(h.arena.at(ref(slot) &^ pinned).size())
			}
		}
	}
	for n, chunk := range *h.arena.chunks.Load() {
		if chunk != nil {
			chunks++
		}
		if written := h.arena.uses[n].written; (chunk != nil) != (written > 0) {
			t.Errorf("chunk %d has %d bytes and %d units written", n, len(chunk), written)
		}
	}
	if most := 2*wanted/chunkUnits + 2; chunks > most {
		t.Errorf("%d chunks for the contents of %d", chunks, wanted/chunkUnits+1)
	}
}

func TestAnArchivedAccountMayComeBack(t *testing.T) {
	t.Parallel()
	h := newCache(1_000_000)
	for round := range 4 {
		for n := range 3_000 {
			r := seriesRecord(n + 1)
			r.Changed, r.Archived = int64(round), round%2 == 1
			h.follow([]users.Record{r})
			if _, ok := h.names.find(r.UsernameKey); ok == r.Archived {
				t.Fatalf("%s archived: %v, known: %v", r.Username, r.Archived, ok)
			}
		}
	}
	if h.ids.count != 0 {
		t.Errorf("%d are held", h.ids.count)
	}
	slots := 0
	for i := range h.ids.shards {
		slots += len(h.ids.shards[i].slots) + len(h.names.shards[i].slots)
	}
	if most := 2 * shards * leastSlots * sparse; slots > most {
		t.Errorf("the tables of nobody have %d slots", slots)
	}
}

// A name that was returned stays as it is, whatever happens to the account.
func TestANameStaysValidAfterItsRecordIsRemoved(t *testing.T) {
	t.Parallel()
	h := newCache(100)
	told := map[string]string{}
	for n := range 5_000 {
		r := seriesRecord(n + 1)
		h.add([]users.Record{r}, 0, false)
		a, ok := h.names.find(r.EmailKey)
		if !ok {
			t.Fatalf("%s is not known", r.EmailKey)
		}
		told[users.SeriesName(n+1)] = a.Username
	}
	for want, got := range told {
		if got != want {
			t.Fatalf("%q has become %q", want, got)
		}
	}
}

// An account for which there is no space is asked of Postgres; the others stay.
func TestWithoutSpaceAnAccountIsNotKept(t *testing.T) {
	t.Parallel()
	h := newCache(100)
	h.add([]users.Record{seriesRecord(1), seriesRecord(2)}, 0, false)
	huge := seriesRecord(2)
	huge.Changed, huge.EmailKey = 1, strings.Repeat("x", 1<<16)+"@example.com"
	h.add([]users.Record{huge}, 1, true)
	if _, ok := h.names.find(huge.UsernameKey); ok || h.ids.count != 1 {
		t.Errorf("held: %v; %d accounts", ok, h.ids.count)
	}
	huge.EmailKey = strings.Repeat("x", 1<<16-20) + "@example.com" // fits a length, and no chunk
	h.add([]users.Record{huge}, 1, true)
	if _, ok := h.names.find(huge.UsernameKey); ok {
		t.Error("a record larger than a chunk is kept")
	}
	if a, ok := h.names.find(users.SeriesName(1)); !ok || a.ID != 1 {
		t.Errorf("%+v, %v", a, ok)
	}
}

// Accounts that stay are always known, while others come and go so that tables grow and shrink and chunks are emptied.
func TestReadersFindTheAccountsThatStay(t *testing.T) {
	t.Parallel()
	const staying, passing, rounds = 50, 20_000, 3
	h := newCache(1_000_000)
	for n := range staying {
		h.add([]users.Record{seriesRecord(n*passing/staying + 1)}, 0, false)
	}
	var done atomic.Bool
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for !done.Load() {
				for n := range staying {
					name := users.SeriesName(n*passing/staying + 1)
					if a, ok := h.names.find(name + "@example.com"); !ok || a.Username != name {
						t.Errorf("%s is %+v, %v", name, a, ok)
						return
					}
				}
			}
		})
	}
	for round := range rounds * 2 {
		for n := range passing {
			r := seriesRecord(n + 1)
			r.Changed, r.Archived = int64(round), round%2 == 1 && n%(passing/staying) != 0
			h.add([]users.Record{r}, int64(round), false)
		}
	}
	done.Store(true)
	wg.Wait()
}

// The tables and the records together, when a table has just grown and when it is about to.
func TestAnAccountTakesAbout85Bytes(t *testing.T) {
	t.Parallel()
	h := newCache(1_000_000)
	for n := 1; n <= 300_000; n++ {
		h.add([]users.Record{seriesRecord(n)}, 1, false)
		if n < 100_000 || n%10_000 != 0 {
			continue
		}
		bytes := 0
		for i := range h.ids.shards {
			bytes += 8 * (cap(h.ids.shards[i].slots) + cap(h.names.shards[i].slots))
		}
		for _, chunk := range *h.arena.chunks.Load() {
			bytes += 24 + len(chunk)
		}
		if each := float64(bytes) / float64(n); each > 90 {
			t.Fatalf("%d accounts take %.1f bytes each", n, each)
		}
	}
}

func BenchmarkKnown(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		d := filled(b, n)
		list := make([]string, n)
		for i, at := range rand.New(rand.NewPCG(1, 2)).Perm(n) {
			list[i] = users.SeriesName(at + 1)
			if i%2 == 1 {
				list[i] += "@example.com"
			}
		}
		b.Run(fmt.Sprintf("alone/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i = (i + 1) % n {
				d.Known(list[i])
			}
		})
		b.Run(fmt.Sprintf("parallel/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := rand.IntN(n); pb.Next(); i = (i + 1) % n {
					d.Known(list[i])
				}
			})
		})
		b.Run(fmt.Sprintf("unknown/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d.Known("somebody_else")
			}
		})
	}
}

// BenchmarkFill is the time that a start needs for all accounts, and that following a change of all accounts needs.
func BenchmarkFill(b *testing.B) {
	list := make([]users.Record, 100_000)
	for i := range list {
		list[i] = seriesRecord(i + 1)
	}
	b.ReportAllocs()
	for b.Loop() {
		newCache(1_000_000).add(list, 1, false)
	}
}
