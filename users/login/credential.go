package login

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"hash/maphash"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// A credential is what a browser keeps of its session: the fields below and an HMAC-SHA256 of them, in base64 for addresses
// without padding. It is checked in memory. It holds no secret but its signature.
//
//	 0  format, 1
//	 1  id of the key, the first four bytes of its SHA-256
//	 5  id of the session
//	21  id of the account
//	29  version of the sign-ins at its start
//	37  time of its renewal, in seconds
//	45  time of its end, in seconds
//	53  role
//	54  username, to the signature
const (
	credentialFormat = 1
	usernameAt       = 54
	macSize          = 32
	// maxCredential bounds the work for what a client sends, in characters. A username has at most 400 bytes.
	maxCredential = (usernameAt + 400 + macSize + 2) / 3 * 4
)

// strictBase64 takes one spelling of a credential only.
var strictBase64 = base64.RawURLEncoding.Strict() //nolint:gochecknoglobals // a constant in all but name

// sign makes the credential of a session.
func (s *Sessions) sign(of *Session) (string, error) {
	key := s.keys.Load().signer
	if key == nil {
		return "", ErrNoSession
	}
	b := make([]byte, usernameAt, usernameAt+len(of.Username)+macSize)
	b[0] = credentialFormat
	copy(b[1:], key.id[:])
	copy(b[5:], of.ID[:])
	binary.BigEndian.PutUint64(b[21:], uint64(of.Account))
	binary.BigEndian.PutUint64(b[29:], uint64(of.Version))
	binary.BigEndian.PutUint64(b[37:], uint64(of.Renewed.Unix()))
	binary.BigEndian.PutUint64(b[45:], uint64(of.Expires.Unix()))
	b[53] = byte(of.Role)
	b = append(b, of.Username...)
	return base64.RawURLEncoding.EncodeToString(key.mac(b, b)), nil
}

// scratch is the memory of one check. Signatures are made through an interface, so it would be allocated for each otherwise.
type scratch struct {
	text [maxCredential]byte
	raw  [(maxCredential + 3) / 4 * 3]byte
	mac  [macSize]byte
}

// Check says whose session a credential is, from memory alone. Errors: ErrNoSession, ErrExpired, ErrRevoked.
func (s *Sessions) Check(credential string, now time.Time) (Session, error) {
	if len(credential) > maxCredential {
		return Session{}, ErrNoSession
	}
	ring := s.keys.Load()
	one, hash := ring.proved.find(credential)
	known := one != nil
	if !known {
		found, ok := s.prove(ring, credential)
		if !ok {
			return Session{}, ErrNoSession
		}
		one = &provedCredential{session: found}
	}
	switch {
	case !now.Before(one.session.Expires):
		return Session{}, ErrExpired
	case one.revoked(&s.revoked) || s.cfg.Gone(one.session.Account):
		return Session{}, ErrRevoked
	}
	if !known {
		ring.proved.keep(credential, hash, one)
	}
	return one.session, nil
}

// prove is the session of a credential whose signature is right.
func (s *Sessions) prove(ring *keyring, credential string) (found Session, ok bool) {
	m, ok := s.scratch.Get().(*scratch)
	if !ok {
		m = &scratch{}
	}
	defer s.scratch.Put(m)
	n, err := strictBase64.Decode(m.raw[:], m.text[:copy(m.text[:], credential)])
	if err != nil || n < usernameAt+macSize || m.raw[0] != credentialFormat {
		return Session{}, false
	}
	signed, signature := m.raw[:n-macSize], m.raw[n-macSize:n]
	key := ring.of([4]byte(signed[1:5]))
	if key == nil || !hmac.Equal(key.mac(m.mac[:0], signed), signature) {
		return Session{}, false
	}
	found, ok = sessionOf(signed)
	found.Username = string(signed[usernameAt:])
	return found, ok
}

// sessionOf reads the fields of a credential, without the username.
func sessionOf(signed []byte) (found Session, ok bool) {
	found = Session{
		ID:      uuid.UUID(signed[5:21]),
		Account: int64(binary.BigEndian.Uint64(signed[21:])),
		Version: int64(binary.BigEndian.Uint64(signed[29:])),
		Renewed: time.Unix(int64(binary.BigEndian.Uint64(signed[37:])), 0),
		Expires: time.Unix(int64(binary.BigEndian.Uint64(signed[45:])), 0),
		Role:    Role(signed[53]),
	}
	return found, found.Role >= NoRole && found.Role <= Owner
}

const (
	// provedSets of provedWays credentials each are remembered. A credential is in one set only, by its hash.
	provedSets = 1 << 14
	provedWays = 4
	// longestProved is the length of the longest credential that is remembered, in characters: that of a username of 100 bytes. With
	// all places taken they need about 35 MiB, ordinary ones about 20 MiB.
	longestProved = (usernameAt + 100 + macSize + 2) / 3 * 4
)

// provedCredentials remembers credentials whose signature was right, so that one that comes again needs no signature. They belong to
// a keyring: other keys begin without any. Whether a session has expired or was ended is not remembered.
//
// Only a credential that is the same in every byte is found. The seed of the hash is secret, so nobody can tell from the time of an
// answer how much of a credential is right. In a set that is full, any credential goes, and is proved again when it comes. The zero
// value remembers none. Safe for concurrent use, without a lock.
type provedCredentials struct {
	seed maphash.Seed
	sets []provedSet
}

// provedSet has the hash of each of its credentials beside it. Both may be read while another credential takes their place, so the
// hash only tells which credential to compare.
type provedSet struct {
	hashes [provedWays]atomic.Uint64
	proved [provedWays]atomic.Pointer[provedCredential]
}

// provedCredential is a credential with a right signature and its session.
type provedCredential struct {
	credential string
	session    Session
	// lives is the number of the last revocations that do not have the session.
	lives atomic.Uint64
}

func newProvedCredentials() provedCredentials {
	return provedCredentials{seed: maphash.MakeSeed(), sets: make([]provedSet, provedSets)}
}

// find is what is known of a credential, or nil, and its hash for keep.
func (p *provedCredentials) find(credential string) (known *provedCredential, hash uint64) {
	if len(p.sets) == 0 || len(credential) > longestProved {
		return nil, 0
	}
	hash = maphash.String(p.seed, credential)
	set := &p.sets[hash%provedSets]
	for i := range set.hashes {
		if set.hashes[i].Load() != hash {
			continue
		}
		if known = set.proved[i].Load(); known != nil && known.credential == credential {
			return known, hash
		}
	}
	return nil, hash
}

// keep remembers a credential, in a free place or in that of another one.
func (p *provedCredentials) keep(credential string, hash uint64, one *provedCredential) {
	if len(p.sets) == 0 || len(credential) > longestProved {
		return
	}
	// What a request gave is part of a longer text, which would stay in memory with it.
	one.credential = strings.Clone(credential)
	set, at := &p.sets[hash%provedSets], rand.IntN(provedWays)
	for i := range set.proved {
		if set.proved[i].Load() == nil {
			at = i
			break
		}
	}
	set.proved[at].Store(one)
	set.hashes[at].Store(hash)
}

// revoked asks the revocations only when they have changed since they did not have the session.
func (c *provedCredential) revoked(r *revocations) bool {
	changes := r.changes.Load() // before the question: what changes meanwhile is asked for again
	if c.lives.Load() == changes {
		return false
	}
	if r.has(&c.session) {
		return true
	}
	c.lives.Store(changes)
	return false
}
