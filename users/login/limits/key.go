package limits

import (
	"net/netip"
	"strconv"
	"strings"
)

const (
	accountPrefix = "account:"
	namePrefix    = "name:"
	flowPrefix    = "flow:"
	networkPrefix = "network:"
)

// AccountKey says for Limits.Take which account an attempt is at.
func AccountKey(id int64) string { return accountPrefix + strconv.FormatInt(id, 10) }

// NameKey is the key of a name that no account has, in its normal form. Attempts at it count like those at an account.
func NameKey(normal string) string { return namePrefix + normal }

// FlowKey is the key of a code that was sent, before it is known whose it is: what its browser has of it. Whoever tries one code from
// many networks uses up one budget.
func FlowKey(flow string) string { return flowPrefix + flow }

// NetworkKey says for Limits.Take from where an attempt comes: an address, or address and port as in http.Request.RemoteAddr.
func NetworkKey(remote string) string { return networkPrefix + remote }

// asker is who makes an attempt, as far as it is known.
type asker struct {
	// account is the key of an account or name; network and site are prefixes of the client's address.
	account, network, site string
}

func askerOf(keys []string) asker {
	var who asker
	for _, k := range keys {
		remote, isNetwork := strings.CutPrefix(k, networkPrefix)
		if !isNetwork {
			who.account = k
			continue
		}
		addr, ok := ClientAddress(remote)
		if !ok { // a socket without addresses, for example: all of its clients are one network
			who.network = remote
			continue
		}
		network, site := networksOf(addr)
		who.network = network.String()
		if site.IsValid() {
			who.site = site.String()
		}
	}
	return who
}

// shares is what the asker's attempts have in common with those of others that use up the same budget; not ok when the asker is not
// known well enough.
func (a asker) shares(by By) (shared string, ok bool) {
	switch by {
	case ByAccountNetwork:
		return a.account + "\x00" + a.network, a.account != "" && a.network != ""
	case ByAccountSite:
		return a.account + "\x00" + a.site, a.account != "" && a.site != ""
	case ByStrangers, ByAccount:
		return a.account, a.account != ""
	case ByNetwork:
		return a.network, a.network != ""
	case BySite:
		return a.site, a.site != ""
	}
	return "", false
}

// ClientAddress reads the address of a client, with or without a port. An IPv4 address is one also on a listener for both kinds.
func ClientAddress(remote string) (netip.Addr, bool) {
	at, err := netip.ParseAddrPort(remote)
	addr := at.Addr()
	if err != nil {
		if addr, err = netip.ParseAddr(strings.Trim(remote, "[]")); err != nil {
			return netip.Addr{}, false
		}
	}
	return addr.Unmap().WithZone(""), true
}

const (
	networkBits = 64
	siteBits    = 48
)

// networksOf are the network of an address, and its site if it has one.
func networksOf(addr netip.Addr) (network, site netip.Prefix) {
	if addr.Is4() {
		return netip.PrefixFrom(addr, addr.BitLen()), netip.Prefix{}
	}
	network, _ = addr.Prefix(networkBits) // no error: an IPv6 address has more bits
	site, _ = addr.Prefix(siteBits)
	return network, site
}
