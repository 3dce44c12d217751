package login

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// sealedHead is the length of what precedes the text of a seal: the key's id and the time of its end.
const sealedHead = 4 + 8

// Seal makes a text that this deployment alone can have written, for a purpose and until a time. It is not secret: whoever has it can
// read it. It is for the steps of a sign-in between two requests of one browser.
func (s *Sessions) Seal(purpose, text string, until time.Time) (string, error) {
	key := s.keys.Load().signer
	if key == nil {
		return "", ErrNoSession
	}
	sealed := append(make([]byte, 0, sealedHead+len(text)+macSize), key.id[:]...)
	sealed = binary.BigEndian.AppendUint64(sealed, uint64(until.Unix()))
	sealed = append(sealed, text...)
	return base64.RawURLEncoding.EncodeToString(append(sealed, key.sealMAC(purpose, sealed)...)), nil
}

// Unseal is the text that was sealed for that purpose. Errors: ErrNoSession for what is no such seal, ErrExpired for one that is over.
func (s *Sessions) Unseal(purpose, sealed string, now time.Time) (string, error) {
	raw, err := strictBase64.DecodeString(sealed)
	if err != nil || len(raw) < sealedHead+macSize {
		return "", ErrNoSession
	}
	body, mac := raw[:len(raw)-macSize], raw[len(raw)-macSize:]
	key := s.keys.Load().of([4]byte(body[:4]))
	if key == nil || !hmac.Equal(mac, key.sealMAC(purpose, body)) {
		return "", ErrNoSession
	}
	if now.Unix() >= int64(binary.BigEndian.Uint64(body[4:sealedHead])) {
		return "", ErrExpired
	}
	return string(body[sealedHead:]), nil
}

// sealMAC signs a seal. A credential begins with the byte 1 and a seal is signed after the byte 0, so neither passes as the other. The
// purpose is of a fixed set without the byte 0, which ends it.
func (k *signingKey) sealMAC(purpose string, body []byte) []byte {
	text := append(append(append(make([]byte, 0, 2+len(purpose)+len(body)), 0), purpose...), 0)
	return k.mac(nil, append(text, body...))
}
