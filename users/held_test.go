package users

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// plainHeld is what held has to behave like, without its care for memory.
type plainHeld struct {
	accounts map[int64]record
	names    map[string]int64
}

func (p *plainHeld) put(r record) {
	old, known := p.accounts[r.ID]
	switch {
	case known && old.changed > r.changed:
		return
	case known:
		p.forget(old)
	}
	if !r.archived {
		p.accounts[r.ID] = r
		p.names[r.usernameKey], p.names[r.emailKey] = r.ID, r.ID
	}
}

func (p *plainHeld) forget(r record) {
	delete(p.accounts, r.ID)
	for _, name := range []string{r.usernameKey, r.emailKey} {
		if p.names[name] == r.ID {
			delete(p.names, name)
		}
	}
}

// Whatever happens in whatever order, a look-up answers as plain maps would: with good hashes, with hashes that often
// collide, and with one for all.
func TestHeldBehavesLikeAPlainMap(t *testing.T) {
	t.Parallel()
	for name, hash := range map[string]func(string) uint64{
		"keyed":            nil,
		"often the same":   func(name string) uint64 { return uint64(len(name)%3)<<40 | uint64(strings.Count(name, "@"))<<32 },
		"nearly all equal": func(name string) uint64 { return uint64(strings.Count(name, "@")) << 32 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(3, 4))
			h, want := newHeld(1000), &plainHeld{map[int64]record{}, map[string]int64{}}
			if hash != nil {
				h.names.hash = hash
			}
			for n := range 30_000 {
				if n%7000 == 6999 {
					h.clear(0)
					want = &plainHeld{map[int64]record{}, map[string]int64{}}
				}
				r := randomRecord(random, int64(n))
				h.add([]record{r}, int64(n), random.IntN(4) == 0)
				want.put(r)
				if n%1000 == 0 {
					sameHeld(t, h, want)
				}
			}
			sameHeld(t, h, want)
		})
	}
}

// randomRecord is one of few accounts under one of few names, which sometimes are another's.
func randomRecord(random *rand.Rand, version int64) record {
	id := int64(random.IntN(100)) + 1
	r := record{changed: version - int64(random.IntN(300)), archived: random.IntN(5) == 0}
	r.ID, r.MayPurchase = id, random.IntN(2) == 0
	r.usernameKey = fmt.Sprint("name", id, strings.Repeat("x", random.IntN(2)*random.IntN(400)))
	r.emailKey = r.usernameKey + "@example.com"
	if random.IntN(3) == 0 {
		r.emailKey = fmt.Sprint(random.IntN(100), "@example.com")
	}
	r.Username = r.usernameKey
	if random.IntN(3) == 0 {
		r.Username = strings.ToUpper(r.usernameKey)
	}
	return r
}

func sameHeld(t *testing.T, h *held, want *plainHeld) {
	t.Helper()
	if h.ids.count != len(want.accounts) {
		t.Fatalf("%d accounts are held, want %d", h.ids.count, len(want.accounts))
	}
	for id, r := range want.accounts {
		at, _ := h.ids.find(id)
		if at == 0 || h.shelf.at(at).changed() != r.changed {
			t.Fatalf("account %d stands at %d, want %+v", id, at, r)
		}
		for _, name := range []string{r.usernameKey, r.emailKey, r.usernameKey + "x", r.usernameKey[:5]} {
			owner, known := want.accounts[want.names[name]]
			if got, ok := h.names.find(name); ok != known || got != owner.known() {
				t.Fatalf("%s is %+v, %v; want %+v, %v", name, got, ok, owner.known(), known)
			}
		}
	}
	count := 0
	for i := range h.names.shards {
		count += h.names.shards[i].count
	}
	if count != len(want.names) {
		t.Fatalf("%d names are held, want %d", count, len(want.names))
	}
}

// With one hash for both, an account's names share a slot. Whoever is then not found is asked of Postgres; nobody is
// taken for somebody else.
func TestBothNamesOfAnAccountMayCollide(t *testing.T) {
	t.Parallel()
	h := newHeld(100)
	h.names.hash = func(string) uint64 { return 0 }
	one, other := seriesRecord(1), seriesRecord(2)
	h.add([]record{one, other}, 0, false)
	moved := one
	moved.changed, moved.emailKey = 1, "new@example.com"
	h.add([]record{moved}, 1, false)
	for name, id := range map[string]int64{
		one.usernameKey: 1, moved.emailKey: 1, one.emailKey: 0, other.usernameKey: 2, other.emailKey: 2, "nobody": 0,
	} {
		if a, ok := h.names.find(name); a.ID != id || ok != (id != 0) {
			t.Errorf("%s is %+v, %v", name, a, ok)
		}
	}
	other.changed, other.archived = 2, true
	h.follow([]record{other})
	for name, id := range map[string]int64{one.usernameKey: 1, moved.emailKey: 1, other.usernameKey: 0, other.emailKey: 0} {
		if a, ok := h.names.find(name); a.ID != id || ok != (id != 0) {
			t.Errorf("%s is %+v, %v", name, a, ok)
		}
	}
}

// Of what is written, most is wanted, however often accounts change and whoever stays between them.
func TestMemoryOfChangedAccountsIsUsedAgain(t *testing.T) {
	t.Parallel()
	const accounts, rounds = 5_000, 40
	h := newHeld(1_000_000)
	for round := range rounds {
		for n := range accounts {
			r := seriesRecord(n + 1)
			r.changed = int64(round)
			h.add([]record{r}, r.changed, false)
		}
		// One who never changes again, among those who do.
		h.add([]record{seriesRecord(accounts + round + 1)}, int64(round), round%2 == 0)
	}
	mostlyWanted(t, h)
	for n := range accounts + rounds {
		if a, ok := h.names.find(SeriesName(n + 1)); !ok || a.ID != int64(n+1) {
			t.Fatalf("%s is %+v", SeriesName(n+1), a)
		}
	}
	for round := range rounds {
		if _, pinned := h.ids.find(int64(accounts + round + 1)); pinned != (round%2 == 0) {
			t.Errorf("account %d is pinned: %v", accounts+round+1, pinned)
		}
	}
}

// One who comes and goes leaves gaps in the chunk that is being filled; one who stays in each must not keep it.
func TestGapsCountBeforeAChunkIsFull(t *testing.T) {
	t.Parallel()
	h := newHeld(1_000_000)
	for n := range 60_000 {
		r := seriesRecord(1)
		r.changed, r.archived = int64(n), n%2 == 1
		h.follow([]record{r})
		if n%1000 == 999 {
			h.follow([]record{seriesRecord(n)})
		}
	}
	mostlyWanted(t, h)
}

// mostlyWanted proves that at least half of the memory for records is for accounts that are held.
func mostlyWanted(t *testing.T, h *held) {
	t.Helper()
	wanted, chunks := 0, 0
	for i := range h.ids.shards {
		for _, slot := range h.ids.shards[i].slots {
			if slot != 0 {
				wanted += units(h.shelf.at(place(slot) &^ pinned).size())
			}
		}
	}
	for n, chunk := range *h.shelf.chunks.Load() {
		if chunk != nil {
			chunks++
		}
		if written := h.shelf.uses[n].written; (chunk != nil) != (written > 0) {
			t.Errorf("chunk %d has %d bytes and %d units written", n, len(chunk), written)
		}
	}
	if most := 2*wanted/chunkUnits + 2; chunks > most {
		t.Errorf("%d chunks for the contents of %d", chunks, wanted/chunkUnits+1)
	}
}

func TestWhoLeavesMayComeBack(t *testing.T) {
	t.Parallel()
	h := newHeld(1_000_000)
	for round := range 4 {
		for n := range 3_000 {
			r := seriesRecord(n + 1)
			r.changed, r.archived = int64(round), round%2 == 1
			h.follow([]record{r})
			if _, ok := h.names.find(r.usernameKey); ok == r.archived {
				t.Fatalf("%s archived: %v, known: %v", r.Username, r.archived, ok)
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

// A name that was told stays what it is, whatever becomes of the account.
func TestNamesOutliveTheirRecords(t *testing.T) {
	t.Parallel()
	h := newHeld(100)
	told := map[string]string{}
	for n := range 5_000 {
		r := seriesRecord(n + 1)
		h.add([]record{r}, 0, false)
		a, ok := h.names.find(r.emailKey)
		if !ok {
			t.Fatalf("%s is not known", r.emailKey)
		}
		told[SeriesName(n+1)] = a.Username
	}
	for want, got := range told {
		if got != want {
			t.Fatalf("%q has become %q", want, got)
		}
	}
}

// An account that finds no space is asked of Postgres; the others stay.
func TestWithoutSpaceAnAccountIsNotHeld(t *testing.T) {
	t.Parallel()
	h := newHeld(100)
	h.add([]record{seriesRecord(1), seriesRecord(2)}, 0, false)
	huge := seriesRecord(2)
	huge.changed, huge.emailKey = 1, strings.Repeat("x", 1<<16)+"@example.com"
	h.add([]record{huge}, 1, true)
	if _, ok := h.names.find(huge.usernameKey); ok || h.ids.count != 1 {
		t.Errorf("held: %v; %d accounts", ok, h.ids.count)
	}
	huge.emailKey = strings.Repeat("x", 1<<16-20) + "@example.com" // fits a length, and no chunk
	h.add([]record{huge}, 1, true)
	if _, ok := h.names.find(huge.usernameKey); ok {
		t.Error("a record larger than a chunk is held")
	}
	if a, ok := h.names.find(SeriesName(1)); !ok || a.ID != 1 {
		t.Errorf("%+v, %v", a, ok)
	}
}

// Those who stay are always known, while others come and go so that tables grow and shrink and chunks are emptied.
func TestReadersSeeThoseWhoStay(t *testing.T) {
	t.Parallel()
	const staying, passing, rounds = 50, 20_000, 3
	h := newHeld(1_000_000)
	for n := range staying {
		h.add([]record{seriesRecord(n*passing/staying + 1)}, 0, false)
	}
	var done atomic.Bool
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for !done.Load() {
				for n := range staying {
					name := SeriesName(n*passing/staying + 1)
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
			r.changed, r.archived = int64(round), round%2 == 1 && n%(passing/staying) != 0
			h.add([]record{r}, int64(round), false)
		}
	}
	done.Store(true)
	wg.Wait()
}

// The tables and the records together, when a table has just grown and when it is about to.
func TestAnAccountTakesAbout85Bytes(t *testing.T) {
	t.Parallel()
	h := newHeld(1_000_000)
	for n := 1; n <= 300_000; n++ {
		h.add([]record{seriesRecord(n)}, 1, false)
		if n < 100_000 || n%10_000 != 0 {
			continue
		}
		bytes := 0
		for i := range h.ids.shards {
			bytes += 8 * (cap(h.ids.shards[i].slots) + cap(h.names.shards[i].slots))
		}
		for _, chunk := range *h.shelf.chunks.Load() {
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
			list[i] = SeriesName(at + 1)
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

// BenchmarkFill is what a start spends to hold everybody, and what following a change of everybody does.
func BenchmarkFill(b *testing.B) {
	list := make([]record, 100_000)
	for i := range list {
		list[i] = seriesRecord(i + 1)
	}
	b.ReportAllocs()
	for b.Loop() {
		newHeld(1_000_000).add(list, 1, false)
	}
}
