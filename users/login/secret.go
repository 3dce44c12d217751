package login

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Digest is what Postgres keeps of a secret that has so many random bits that nobody finds it by trying: a token, a link, a flow.
// Passwords are hashed by argon2id instead.
func Digest(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// randomText is n random bytes as text that needs no escaping in an address.
func randomText(n int) string { return base64.RawURLEncoding.EncodeToString(randomBytes(n)) }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails: crypto/rand ends the program instead
	return b
}

// sealedPrefix begins the text of a sealed secret. One that is not sealed is base32, which has no colon.
const sealedPrefix = "sealed:"

const (
	selectSealingKey = `SELECT secret FROM sealing_key`
	insertSealingKey = `INSERT INTO sealing_key (secret) VALUES ($1) ON CONFLICT DO NOTHING`
)

// sealingKey encrypts the secrets that have to be read again, by AES-256-GCM. A row of another account cannot take the place of one,
// because the account is part of what is authenticated.
type sealingKey struct {
	id   [4]byte
	aead cipher.AEAD
}

// newSealingKey derives a key for a purpose from a secret that has other uses too.
func newSealingKey(secret []byte, purpose string) (sealingKey, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, "flashsale "+purpose, keySize)
	if err != nil {
		return sealingKey{}, fmt.Errorf("derive a sealing key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealingKey{}, fmt.Errorf("make a sealing key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return sealingKey{id: keyID(key), aead: aead}, err
}

func (k sealingKey) seal(account int64, secret string) string {
	box := k.aead.Seal(k.id[:], nil, []byte(secret), sealedFor(account)) //nolint:gosec // this AEAD makes the nonce itself
	return sealedPrefix + base64.RawURLEncoding.EncodeToString(box)
}

func sealedFor(account int64) []byte { return fmt.Appendf(nil, "second factor of %d", account) }

// sealingKeys are the keys of a deployment: the first seals, all open.
type sealingKeys []sealingKey

// errSealed is a fault of the deployment, not of who signs in.
var errSealed = errors.New("the secret is sealed with a key that is not here: " +
	"put it back behind the others in SESSION_KEYS, or run flashsale admin reset-second-factor")

// querier is a pool or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// forSecondFactors is the purpose of keys that seal the secrets of second factors.
const forSecondFactors = "second factors"

// readSealingKeys are the keys of a purpose: those from outside and that of the database, which seals when there is no other. It is nil
// in the database of a deployment that always had keys from outside.
func readSealingKeys(ctx context.Context, from querier, purpose string, outside [][]byte) (keys sealingKeys, err error) {
	secrets := append([][]byte(nil), outside...)
	var kept []byte
	switch err := from.QueryRow(ctx, selectSealingKey).Scan(&kept); {
	case err == nil:
		secrets = append(secrets, kept)
	case !errors.Is(err, pgx.ErrNoRows):
		return nil, fmt.Errorf("read the sealing key: %w", err)
	}
	for _, secret := range secrets {
		one, err := newSealingKey(secret, purpose)
		if err != nil {
			return nil, err
		}
		keys = append(keys, one)
	}
	return keys, nil
}

// ensureSealingKey makes the key of the database when nothing else seals.
func (s *Store) ensureSealingKey(ctx context.Context, outside [][]byte) error {
	if len(outside) > 0 {
		return nil
	}
	if _, err := s.pool.Exec(ctx, insertSealingKey, randomBytes(keySize)); err != nil {
		return fmt.Errorf("make the sealing key: %w", err)
	}
	return nil
}

// open is the secret of a row. current is false when it is not sealed with the first key, and should be.
func (k sealingKeys) open(account int64, kept string) (secret string, current bool, err error) {
	text, sealed := strings.CutPrefix(kept, sealedPrefix)
	if !sealed {
		return kept, len(k) == 0, nil // a version before has written it
	}
	box, err := strictBase64.DecodeString(text)
	if err != nil || len(box) < 4 {
		return "", false, errSealed
	}
	for at, key := range k {
		if key.id != [4]byte(box[:4]) {
			continue
		}
		if plain, err := key.aead.Open(nil, nil, box[4:], sealedFor(account)); err == nil {
			return string(plain), at == 0, nil
		}
	}
	return "", false, errSealed
}

// Sealing encrypts what a deployment keeps for itself in Postgres and has to read again, with the keys that also seal second factors.
// Each purpose has keys of its own. Safe for concurrent use.
type Sealing struct {
	store   *Store
	purpose string
	outside [][]byte
}

// NewSealing makes the sealing of a purpose. The keys come from outside: the first one seals, all open. None: the database has one.
func NewSealing(store *Store, purpose string, keys [][]byte) *Sealing {
	return &Sealing{store: store, purpose: purpose, outside: keys}
}

// ErrSealedElsewhere means that the key of a sealed text is not here.
var ErrSealedElsewhere = errors.New("it is sealed with a key that is not in SESSION_KEYS any more; put it back behind the others")

// Seal encrypts a text. What it is about is authenticated with it, so that one sealed text cannot take the place of another.
func (s *Sealing) Seal(ctx context.Context, about string, text []byte) ([]byte, error) {
	if err := s.store.ensureSealingKey(ctx, s.outside); err != nil {
		return nil, err
	}
	keys, err := readSealingKeys(ctx, s.store.pool, s.purpose, s.outside)
	if err != nil {
		return nil, err
	}
	return keys[0].aead.Seal(keys[0].id[:], nil, text, s.bound(about)), nil //nolint:gosec // this AEAD makes the nonce itself
}

// Open is the text that was sealed about that. current is false when it is not sealed with the first key, and should be.
func (s *Sealing) Open(ctx context.Context, about string, sealed []byte) (text []byte, current bool, err error) {
	keys, err := readSealingKeys(ctx, s.store.pool, s.purpose, s.outside)
	if err != nil {
		return nil, false, err
	}
	for at, key := range keys {
		if len(sealed) < len(key.id) || key.id != [4]byte(sealed) {
			continue
		}
		if text, err := key.aead.Open(nil, nil, sealed[len(key.id):], s.bound(about)); err == nil {
			return text, at == 0, nil
		}
	}
	return nil, false, ErrSealedElsewhere
}

func (s *Sealing) bound(about string) []byte { return []byte(s.purpose + "\x00" + about) }
