package limits

import (
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"
)

// wide lets networks press as often as they like.
var wide = Rate{Limit: 1_000_000, Window: time.Second, Burst: 1_000_000}

// slow is a budget of that many presses that does not come back during a test.
func slow(burst int) Rate { return Rate{Limit: 1, Window: time.Hour, Burst: burst} }

// taken is how many of n presses are taken; each has its account and its address.
func taken(p *Presses, n int, rates PressRates, press func(i int) (account int64, from netip.Addr)) int {
	ok := 0
	for i := range n {
		account, from := press(i)
		if p.Take(1, account, from, rates).OK {
			ok++
		}
	}
	return ok
}

func alone() int { return 1 }

var school = netip.MustParseAddr("192.0.2.7")

// address is the n-th of 2001:db8:0:n::/64, or of that network when host is given.
func address(site, network uint16, host uint64) netip.Addr {
	b := [16]byte{0x20, 0x01, 0x0d, 0xb8}
	binary.BigEndian.PutUint16(b[4:], site)
	binary.BigEndian.PutUint16(b[6:], network)
	binary.BigEndian.PutUint64(b[8:], host)
	return netip.AddrFrom16(b)
}

func TestOneShopperHasABudgetOfPresses(t *testing.T) {
	t.Parallel()
	p := NewPresses(alone)
	rates := PressRates{Account: slow(10), Network: wide}
	if n := taken(p, 1000, rates, func(i int) (int64, netip.Addr) { return 7, address(uint16(i), 0, 1) }); n != 10 {
		t.Errorf("%d of 1,000 presses for one shopper are taken", n)
	}
	v := p.Take(1, 7, school, rates)
	if v.OK || v.By != ByAccount || v.Wait <= 0 || v.Wait > time.Hour {
		t.Errorf("%+v", v)
	}
	if !p.Take(2, 7, school, rates).OK {
		t.Error("the presses at one sale count at another")
	}
}

func TestASchoolBehindOneAddressBuys(t *testing.T) {
	t.Parallel()
	p := NewPresses(alone)
	rates := PressRates{Account: slow(10), Network: slow(200)}
	if n := taken(p, 40*4, rates, func(i int) (int64, netip.Addr) { return int64(i % 40), school }); n != 160 {
		t.Errorf("of 160 presses of 40 shoppers behind one address %d are taken", n)
	}
}

// A network that is over its limit uses up nothing of its shoppers' budgets: at home they still have them.
func TestARefusedPressIsCountedForNobody(t *testing.T) {
	t.Parallel()
	p := NewPresses(alone)
	rates := PressRates{Account: slow(2), Network: slow(1)}
	taken(p, 50, rates, func(int) (int64, netip.Addr) { return 7, school })
	if v := p.Take(1, 7, address(1, 1, 1), rates); !v.OK {
		t.Errorf("from another network: %+v", v)
	}
}

func TestAShopperWithManyAddressesIsOneNetwork(t *testing.T) {
	t.Parallel()
	rates := PressRates{Account: wide, Network: slow(50)}
	for name, c := range map[string]struct {
		from func(i int) netip.Addr
		want int
	}{
		"one address":             {func(int) netip.Addr { return school }, 50},
		"addresses of one /64":    {func(i int) netip.Addr { return address(1, 1, uint64(i)) }, 50},
		"200 /64s of one /48":     {func(i int) netip.Addr { return address(1, uint16(i%200), uint64(i)) }, 200},
		"three /48s":              {func(i int) netip.Addr { return address(uint16(i%3), uint16(i/3%200), 1) }, 600},
		"many addresses of IPv4":  {func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}) }, 5000},
		"IPv4 written as an IPv6": {func(int) netip.Addr { a, _ := ClientAddress("[::ffff:192.0.2.7]:80"); return a }, 50},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := NewPresses(alone)
			if n := taken(p, 5000, rates, func(i int) (int64, netip.Addr) { return int64(i), c.from(i) }); n != c.want {
				t.Errorf("%d of 5,000 presses are taken, want %d", n, c.want)
			}
		})
	}
}

func TestTheLimitIsDividedByTheProcesses(t *testing.T) {
	t.Parallel()
	live := 3
	p := NewPresses(func() int { return live })
	rates := PressRates{Account: slow(30), Network: wide}
	press := func(int) (int64, netip.Addr) { return 7, school }
	if n := taken(p, 100, rates, press); n != 10 {
		t.Errorf("one of three processes takes %d presses of 30", n)
	}
	if wait := p.Take(1, 7, school, rates).Wait; wait <= 2*time.Hour {
		t.Errorf("the next is taken after %v; a third of one an hour is one in three hours", wait)
	}
	live = 100
	if n := taken(p, 100, rates, func(int) (int64, netip.Addr) { return 8, school }); n != 1 {
		t.Errorf("one of a hundred processes takes %d presses", n)
	}
}

func TestALookForTheReceiptIsOnceASecond(t *testing.T) {
	t.Parallel()
	p := NewPresses(alone)
	looks := 0
	for range 1000 {
		if p.MayLook(1, 7) {
			looks++
		}
	}
	if looks != 1 || !p.MayLook(1, 8) {
		t.Errorf("%d looks", looks)
	}
}

func TestATakeAllocatesNothing(t *testing.T) {
	p := NewPresses(alone)
	rates := PressRates{Account: wide, Network: wide}
	if n := testing.AllocsPerRun(1000, func() { p.Take(1, 7, address(1, 1, 1), rates) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkPresses(b *testing.B) {
	for name, from := range map[string]netip.Addr{"ipv4": school, "ipv6": address(1, 1, 1)} {
		b.Run(name, func(b *testing.B) {
			p := NewPresses(alone)
			rates := PressRates{Account: wide, Network: wide}
			for i := range int64(10_000) { // the maps grow
				p.Take(1, i, from, rates)
			}
			var next atomic.Int64
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				account := 5_000 * next.Add(1)
				for i := account; pb.Next(); i++ {
					p.Take(1, i%10_000, from, rates)
				}
			})
		})
	}
}

// That an account presses too often is worth a round trip once in ten seconds, and of each account by itself.
func TestPressesAreNotedSeldom(t *testing.T) {
	t.Parallel()
	p := NewPresses(func() int { return 1 })
	now := time.Duration(0)
	p.now = func() time.Duration { return now }
	noted := 0
	for ; now < time.Minute; now += 100 * time.Millisecond {
		if p.MayNote(1, 7) {
			noted++
		}
	}
	if noted != 6 || !p.MayNote(1, 8) {
		t.Errorf("noted %d times in a minute", noted)
	}
}
