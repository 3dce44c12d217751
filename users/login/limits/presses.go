package limits

import (
	"encoding/binary"
	"net/netip"
	"time"
)

const (
	// mostPressing is how many accounts, networks and sites are remembered.
	mostPressing = 200_000
	// siteShare is how much more a site may press than a network.
	siteShare = 4
)

// Presses count presses of the button in the memory of this process, without a question to anybody: a press must not cost a
// round trip. The rates are divided by the number of processes that live; a load balancer spreads shoppers over them. A Take is
// done within 200 ns, and allocates nothing. Safe for concurrent use.
type Presses struct {
	limit  *Local[presser]
	live   func() int
	now    func() time.Duration
	origin time.Time
}

// PressRates are how often one account, and one network, may press the button of one sale.
type PressRates struct{ Account, Network Rate }

// PressVerdict says whether a press is taken.
type PressVerdict struct {
	OK   bool
	Wait time.Duration
	// By is whose budget is spent: that of the account, network or site. Rate is this process's part of it.
	By   By
	Rate Rate
}

// presser is who shares a budget of presses at one sale.
type presser struct {
	sale   int64
	by     presserKind
	is, of uint64 // the account, or the two halves of an address
}

type presserKind int64

const (
	pressingAccount presserKind = iota
	pressingNetwork
	pressingSite
	lookingAccount
	notedAccount
)

// noteEvery is how often it is noted that an account presses too often.
const noteEvery = 10 * time.Second

// NewPresses makes Presses. live is how many processes serve.
func NewPresses(live func() int) *Presses {
	p := &Presses{limit: NewLocal[presser](mostPressing), live: live, origin: time.Now()}
	p.now = func() time.Duration { return time.Since(p.origin) }
	return p
}

// Take counts a press of an account from an address. It is counted for the account, the network and the site, or, when it is
// refused, for none of them.
func (p *Presses) Take(sale, account int64, from netip.Addr, rates PressRates) PressVerdict {
	now, live := p.now(), p.live()
	who, one := presser{sale: sale, by: pressingAccount, is: uint64(account)}, rates.Account.share(live)
	if _, wait, ok := p.limit.Take(who, one, now); !ok {
		return PressVerdict{Wait: wait, By: ByAccount, Rate: one}
	}
	network, site := pressersAt(sale, from)
	all := rates.Network.share(live)
	if _, wait, ok := p.limit.Take(network, all, now); !ok {
		p.limit.GiveBack(who, one)
		return PressVerdict{Wait: wait, By: ByNetwork, Rate: all}
	}
	if from.Is4() {
		return PressVerdict{OK: true}
	}
	wide := Rate{Limit: siteShare * rates.Network.Limit, Window: rates.Network.Window, Burst: siteShare * rates.Network.Burst}.share(live)
	if _, wait, ok := p.limit.Take(site, wide, now); !ok {
		p.limit.GiveBack(who, one)
		p.limit.GiveBack(network, all)
		return PressVerdict{Wait: wait, By: BySite, Rate: wide}
	}
	return PressVerdict{OK: true}
}

// MayLook is true once a second for each account at most: a shopper over the limit may then have the ledger asked for the receipt.
func (p *Presses) MayLook(sale, account int64) bool {
	_, _, ok := p.limit.Take(presser{sale: sale, by: lookingAccount, is: uint64(account)}, Rate{1, time.Second, 1}, p.now())
	return ok
}

// MayNote is true once in ten seconds for each account at most: then it may be noted, at the cost of a round trip, that the account has met
// the limit of a sale.
func (p *Presses) MayNote(sale, account int64) bool {
	_, _, ok := p.limit.Take(presser{sale: sale, by: notedAccount, is: uint64(account)}, Rate{1, noteEvery, 1}, p.now())
	return ok
}

// pressersAt are those who share the budgets of an address: its network, and its site.
func pressersAt(sale int64, from netip.Addr) (network, site presser) {
	b := from.As16()
	high, low := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	if from.Is4() {
		return presser{sale: sale, by: pressingNetwork, is: high, of: low}, presser{}
	}
	return presser{sale: sale, by: pressingNetwork, is: high}, presser{sale: sale, by: pressingSite, is: high >> (64 - siteBits)}
}
