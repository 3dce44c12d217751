package login

import (
	"encoding/base64"
	"errors"
	"testing"
	"time"
)

// sealer has keys of its own and no database.
func sealer(keys ...string) *Sessions {
	cfg := SessionsConfig{}
	for _, k := range keys {
		cfg.Keys = append(cfg.Keys, []byte(k))
	}
	return NewSessions(nil, cfg)
}

func TestASealIsForItsPurposeAndItsTimeAndCannotBeChanged(t *testing.T) {
	t.Parallel()
	const key, next = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
	s, now := sealer(key), time.Now()
	sealed, err := s.Seal("second-factor", "17", now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := s.Unseal("second-factor", sealed, now); err != nil || text != "17" {
		t.Fatalf("%q %v", text, err)
	}
	if text, err := sealer(next, key).Unseal("second-factor", sealed, now); err != nil || text != "17" {
		t.Errorf("after a rotation: %q %v", text, err)
	}
	for name, c := range map[string]struct {
		by              *Sessions
		purpose, sealed string
		at              time.Time
		want            error
	}{
		"another purpose":  {s, "proof", sealed, now, ErrNoSession},
		"a longer purpose": {s, "second-factor\x00", sealed, now, ErrNoSession},
		"too late":         {s, "second-factor", sealed, now.Add(time.Minute), ErrExpired},
		"another key":      {sealer(next), "second-factor", sealed, now, ErrNoSession},
		"nothing":          {s, "second-factor", "", now, ErrNoSession},
		"a piece":          {s, "second-factor", sealed[:20], now, ErrNoSession},
		"not base64":       {s, "second-factor", sealed + "!", now, ErrNoSession},
	} {
		if text, err := c.by.Unseal(c.purpose, c.sealed, c.at); !errors.Is(err, c.want) || text != "" {
			t.Errorf("%s: %q %v", name, text, err)
		}
	}
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		changed := append([]byte(nil), raw...)
		changed[i] ^= 1
		if text, err := s.Unseal("second-factor", base64.RawURLEncoding.EncodeToString(changed), now); err == nil {
			t.Errorf("with byte %d changed: %q", i, text)
		}
	}
	if _, err := sealer().Seal("second-factor", "17", now); !errors.Is(err, ErrNoSession) {
		t.Errorf("without a key: %v", err)
	}
}

func TestASealIsNoCredential(t *testing.T) {
	t.Parallel()
	s, now := sealer("0123456789abcdef0123456789abcdef"), time.Now()
	credential, err := s.sign(&Session{Account: 17, Username: "ann", Renewed: now, Expires: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := s.Unseal("", credential, now); !errors.Is(err, ErrNoSession) {
		t.Errorf("a credential is taken for a seal: %q %v", text, err)
	}
	sealed, err := s.Seal("", string(make([]byte, 60)), now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Check(sealed, now); !errors.Is(err, ErrNoSession) {
		t.Errorf("a seal is taken for a credential: %+v %v", got, err)
	}
}
