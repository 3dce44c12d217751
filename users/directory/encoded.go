package directory

import (
	"encoding/binary"
	"math"
	"strings"
	"unsafe"

	"flashsale/users"
)

// encoded is a record as bytes, and all bytes after it. Fields that are never read from memory are left out. Most names
// are their own keys, and many addresses begin with the username: then the same bytes serve for both.
//
//	 0  id
//	 8  length of the username's key, of the address' key, of the username (0: it is its key)
//	14  flags
//	16  username's key, address' key (without what it begins with), username; then changed, as a varint
type encoded []byte

const textAt = 16

// Flags.
const (
	mayPurchase   = 1 << iota
	addressBegins // with the username's key, which is not repeated
	archived
)

// encodable is false for a record with a name longer than a name can be.
func encodable(r *users.Record) bool {
	return max(len(r.UsernameKey), len(r.EmailKey), len(r.Username)) <= math.MaxUint16
}

// appendEncoded appends a encodable record.
func appendEncoded(b []byte, r *users.Record) []byte {
	flags, username, rest := uint16(0), r.Username, r.EmailKey
	if r.MayPurchase {
		flags |= mayPurchase
	}
	if r.Archived {
		flags |= archived
	}
	if username == r.UsernameKey {
		username = ""
	}
	if strings.HasPrefix(rest, r.UsernameKey) {
		flags |= addressBegins
		rest = rest[len(r.UsernameKey):]
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(r.ID))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(r.UsernameKey)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(r.EmailKey)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(username)))
	b = binary.LittleEndian.AppendUint16(b, flags)
	b = append(append(append(b, r.UsernameKey...), rest...), username...)
	return binary.AppendUvarint(b, uint64(r.Changed))
}

func (s encoded) id() int64 { return int64(binary.LittleEndian.Uint64(s)) }

func (s encoded) length(at int) int { return int(binary.LittleEndian.Uint16(s[at:])) }

func (s encoded) is(flag int) bool { return s.length(14)&flag != 0 }

func (s encoded) usernameKey() []byte { return s[textAt : textAt+s.length(8)] }

func (s encoded) emailKey() []byte {
	from := textAt
	if !s.is(addressBegins) {
		from += s.length(8)
	}
	return s[from : from+s.length(10)]
}

// textEnd is where the text ends and changed begins.
func (s encoded) textEnd() int {
	end := textAt + s.length(10) + s.length(12)
	if !s.is(addressBegins) {
		end += s.length(8)
	}
	return end
}

// named is true for both of the account's names.
func (s encoded) named(name string) bool {
	return string(s.usernameKey()) == name || name != "" && string(s.emailKey()) == name
}

func (s encoded) keys() [2]string { return [2]string{text(s.usernameKey()), text(s.emailKey())} }

func (s encoded) changed() int64 {
	v, _ := binary.Uvarint(s[s.textEnd():])
	return int64(v)
}

func (s encoded) size() int {
	end := s.textEnd()
	_, n := binary.Uvarint(s[end:])
	return end + n
}

// account is what memory holds of an account.
func (s encoded) account() users.Account {
	name := s.usernameKey()
	if n := s.length(12); n > 0 {
		end := s.textEnd()
		name = s[end-n : end]
	}
	return users.Account{ID: s.id(), Username: text(name), MayPurchase: s.is(mayPurchase), Archived: s.is(archived)}
}

// text is bytes of a record as a string that shares them: an arena never writes again where a record is or was.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) } //nolint:gosec // see above
