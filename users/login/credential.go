package login

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
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
	m, ok := s.scratch.Get().(*scratch)
	if !ok {
		m = &scratch{}
	}
	defer s.scratch.Put(m)
	n, err := strictBase64.Decode(m.raw[:], m.text[:copy(m.text[:], credential)])
	if err != nil || n < usernameAt+macSize || m.raw[0] != credentialFormat {
		return Session{}, ErrNoSession
	}
	signed, signature := m.raw[:n-macSize], m.raw[n-macSize:n]
	key := s.keys.Load().of([4]byte(signed[1:5]))
	if key == nil || !hmac.Equal(key.mac(m.mac[:0], signed), signature) {
		return Session{}, ErrNoSession
	}
	found, ok := sessionOf(signed)
	switch {
	case !ok:
		return Session{}, ErrNoSession
	case !now.Before(found.Expires):
		return Session{}, ErrExpired
	case s.revoked.has(&found) || s.cfg.Gone(found.Account):
		return Session{}, ErrRevoked
	}
	found.Username = string(signed[usernameAt:])
	return found, nil
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
