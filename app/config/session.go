package config

import (
	"encoding/base64"
	"time"
)

const (
	// sessionLifetime is how long a session lasts unless it is renewed: it outlives a drop.
	sessionLifetime      = 720 * time.Hour
	shortestSession      = 5 * time.Minute
	longestSession       = 8760 * time.Hour
	shortestKey          = 32 // bytes, of a key for HMAC-SHA256
	wantedSessionKeys    = "keys of 32 bytes or more in base64, separated by commas, as `openssl rand -base64 32` prints one"
	wantedSessionLasting = "a duration from 5m to 8760h, like 720h"
)

// sessions: the first key signs, all of them verify, so that keys are replaced without ending sessions.
func (c *Config) sessions(r *reader) {
	c.SessionLifetime = r.duration("SESSION_LIFETIME", sessionLifetime, shortestSession, longestSession, wantedSessionLasting)
	for _, item := range r.each("SESSION_KEYS", wantedSessionKeys, validSessionKey) {
		key, _ := sessionKey(item)
		c.SessionKeys = append(c.SessionKeys, key)
	}
}

func validSessionKey(v string) bool {
	_, ok := sessionKey(v)
	return ok
}

// sessionKey takes both alphabets of base64, with and without padding.
func sessionKey(v string) ([]byte, bool) {
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if key, err := e.Strict().DecodeString(v); err == nil {
			return key, len(key) >= shortestKey
		}
	}
	return nil, false
}

// certificate: the public listener speaks TLS when both files are given. The pair is read at the start of an instance.
func (c *Config) certificate(r *reader) {
	c.TLSCert, c.TLSKey = r.text("TLS_CERT", ""), r.text("TLS_KEY", "")
	switch {
	case c.TLSCert != "" && c.TLSKey == "":
		r.refuse("TLS_KEY", "not set beside TLS_CERT", "the path of the file with the private key of that certificate")
	case c.TLSKey != "" && c.TLSCert == "":
		r.refuse("TLS_CERT", "not set beside TLS_KEY", "the path of the file with the certificate of that key, and those between it and the authority")
	}
}

// TLS is true when the public listener speaks TLS.
func (c Config) TLS() bool { return c.TLSCert != "" && c.TLSKey != "" || c.ACME != nil }
