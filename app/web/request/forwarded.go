package request

import (
	"net/http"
	"net/netip"
	"strings"
)

// Fields by which proxies say for whom they ask.
const (
	fieldForwarded      = "Forwarded"
	fieldForwardedFor   = "X-Forwarded-For"
	fieldForwardedHost  = "X-Forwarded-Host"
	fieldForwardedProto = "X-Forwarded-Proto"
)

// maxHops is how many proxies one request may have passed. A longer list counts as malformed.
const maxHops = 32

// IsForwarded reports whether a proxy has passed the request on, as far as its fields say so.
func IsForwarded(h http.Header) bool {
	for name := range h {
		if name == "" {
			continue
		}
		switch name[0] {
		case 'F':
			if name == fieldForwarded {
				return true
			}
		case 'V':
			if name == "Via" {
				return true
			}
		case 'X':
			if name == "X-Real-Ip" || strings.HasPrefix(name, "X-Forwarded-") {
				return true
			}
		}
	}
	return false
}

// hop is what one proxy says: from where it was asked, for which host, and by which scheme. An address that is not valid was hidden or is not
// known.
type hop struct {
	from  netip.Addr
	host  string
	proto string
}

// forwardedHops reads the field Forwarded (RFC 7239): one hop for each proxy, the last proxy's last. It is false when any part
// of the field is malformed.
func forwardedHops(lines []string) ([]hop, bool) {
	p := fieldParser{rest: strings.Join(lines, ",")}
	var hops []hop
	for {
		p.space()
		if p.rest != "" && p.rest[0] != ',' {
			one, ok := p.hop()
			if hops = append(hops, one); !ok || len(hops) > maxHops {
				return nil, false
			}
		}
		if p.rest == "" {
			return hops, true
		}
		if !p.take(',') {
			return nil, false
		}
	}
}

// fieldParser reads the text of a field from its beginning.
type fieldParser struct{ rest string }

// hop reads the parameters of one proxy, up to the comma after them.
func (p *fieldParser) hop() (h hop, ok bool) {
	seen := map[string]bool{}
	for {
		p.space()
		if p.rest != "" && p.rest[0] != ';' && p.rest[0] != ',' {
			name, value, ok := p.parameter()
			if !ok || seen[name] {
				return h, false
			}
			seen[name] = true
			switch name {
			case "for":
				if h.from, ok = nodeAddress(value); !ok {
					return h, false
				}
			case "host":
				h.host = value
			case "proto":
				h.proto = value
			}
		}
		p.space()
		if !p.take(';') {
			return h, p.rest == "" || p.rest[0] == ','
		}
	}
}

// parameter reads name=value. The name comes in lower case, the value without its quotes.
func (p *fieldParser) parameter() (name, value string, ok bool) {
	if name, ok = p.token(); !ok || !p.take('=') {
		return "", "", false
	}
	if p.take('"') {
		value, ok = p.quoted()
	} else {
		value, ok = p.token()
	}
	return strings.ToLower(name), value, ok
}

func (p *fieldParser) token() (string, bool) {
	end := 0
	for end < len(p.rest) && tokenByte(p.rest[end]) {
		end++
	}
	token := p.rest[:end]
	p.rest = p.rest[end:]
	return token, end > 0
}

// quoted reads a quoted text whose first quote has been taken.
func (p *fieldParser) quoted() (string, bool) {
	var text []byte
	for i := 0; i < len(p.rest); i++ {
		b := p.rest[i]
		switch {
		case b == '"':
			p.rest = p.rest[i+1:]
			return string(text), true
		case b == '\\' && i+1 < len(p.rest):
			i++
			b = p.rest[i]
		case b == '\\':
			return "", false
		}
		if b != '\t' && (b < ' ' || b == 0x7f) {
			return "", false
		}
		text = append(text, b)
	}
	return "", false
}

func (p *fieldParser) space() { p.rest = strings.TrimLeft(p.rest, " \t") }

func (p *fieldParser) take(b byte) bool {
	if p.rest == "" || p.rest[0] != b {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// tokenByte reports whether a byte may be in a token (RFC 9110, 5.6.2).
func tokenByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0
}

// nodeAddress reads a node of RFC 7239: an IPv4 address or an IPv6 address in brackets, with or without a port; or "unknown" or
// a name with a leading underscore, which are well formed and no address.
func nodeAddress(node string) (from netip.Addr, ok bool) {
	if bracketed, is := strings.CutPrefix(node, "["); is {
		address, port, closed := strings.Cut(bracketed, "]")
		from, err := netip.ParseAddr(address)
		if !closed || err != nil || !from.Is6() || from.Zone() != "" || !nodePort(port) {
			return netip.Addr{}, false
		}
		return from.Unmap(), true
	}
	name, _, _ := strings.Cut(node, ":")
	if !nodePort(node[len(name):]) {
		return netip.Addr{}, false
	}
	if from, err := netip.ParseAddr(name); err == nil {
		return from, from.Is4()
	}
	return netip.Addr{}, strings.EqualFold(name, "unknown") || obfuscated(name)
}

// nodePort takes nothing, or a colon and a port, which may be hidden.
func nodePort(port string) bool {
	digits, found := strings.CutPrefix(port, ":")
	if !found {
		return port == ""
	}
	return len(digits) >= 1 && len(digits) <= 5 && strings.Trim(digits, "0123456789") == "" || obfuscated(digits)
}

// obfuscated reports whether a text is a name that a proxy made up to hide an address or a port.
func obfuscated(name string) bool {
	if len(name) < 2 || name[0] != '_' {
		return false
	}
	for i := range len(name) {
		b := name[i]
		if (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') && (b < '0' || b > '9') && b != '.' && b != '_' && b != '-' {
			return false
		}
	}
	return true
}

// listedAddress reads one address of X-Forwarded-For, which has no standard: also an IPv6 address without brackets.
func listedAddress(text string) (from netip.Addr, ok bool) {
	if from, err := netip.ParseAddr(text); err == nil {
		return from.Unmap(), from.Zone() == ""
	}
	return nodeAddress(text)
}
