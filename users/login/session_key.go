package login

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
)

// keySize is the length of a session key in bytes.
const keySize = 32

// signingKey signs credentials and checks signatures. It is safe for concurrent use.
type signingKey struct {
	id     [4]byte
	secret []byte
	macs   sync.Pool
}

func newSigningKey(secret []byte) *signingKey {
	k := &signingKey{id: keyID(secret), secret: secret}
	k.macs.New = func() any { return hmac.New(sha256.New, secret) }
	return k
}

// keyID tells a key from others and says nothing about it.
func keyID(secret []byte) [4]byte { return [4]byte(Digest(string(secret))) }

// mac appends the signature of a text.
func (k *signingKey) mac(to, text []byte) []byte {
	h, ok := k.macs.Get().(hash.Hash)
	if !ok {
		h = hmac.New(sha256.New, k.secret)
	}
	h.Reset()
	h.Write(text)
	to = h.Sum(to)
	k.macs.Put(h)
	return to
}

// keyring is the keys of one moment. The signer signs, all check.
type keyring struct {
	signer *signingKey
	all    []*signingKey
	// proved are credentials that these keys have signed.
	proved provedCredentials
}

func newKeyring(secrets [][]byte) *keyring {
	ring := &keyring{}
	for _, secret := range secrets {
		ring.all = append(ring.all, newSigningKey(secret))
	}
	if len(ring.all) > 0 {
		ring.signer, ring.proved = ring.all[0], newProvedCredentials()
	}
	return ring
}

// has reports whether these are all the keys, in the same order.
func (r *keyring) has(secrets [][]byte) bool {
	return slices.EqualFunc(r.all, secrets, func(k *signingKey, secret []byte) bool { return hmac.Equal(k.secret, secret) })
}

func (r *keyring) of(id [4]byte) *signingKey {
	for _, one := range r.all {
		if one.id == id {
			return one
		}
	}
	return nil
}

const (
	// A retired key checks for as long as what it has signed may live.
	sqlKeys      = `SELECT secret FROM session_keys WHERE retired_at IS NULL OR retired_at > now() - $1::interval ORDER BY retired_at DESC NULLS FIRST, created_at DESC`
	sqlAnyKey    = `SELECT EXISTS (SELECT FROM session_keys WHERE retired_at IS NULL)`
	sqlInsertKey = `INSERT INTO session_keys (secret) VALUES ($1)`
	sqlRetire    = `UPDATE session_keys SET retired_at = now() WHERE retired_at IS NULL`
	sqlForget    = `DELETE FROM session_keys`
)

// ensureKey makes the first key of a deployment.
func (s *Store) ensureKey(ctx context.Context) error {
	err := s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlLockState); err != nil {
			return err
		}
		var exists bool
		if err := tx.QueryRow(ctx, sqlAnyKey).Scan(&exists); err != nil || exists {
			return err
		}
		return insertKey(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("make a session key: %w", err)
	}
	return nil
}

// RotateKeys makes a new key that signs from now on. What older keys have signed stays valid for its time; with forget it is void
// at once, and everybody has to sign in again. Other processes follow within a second.
func (s *Store) RotateKeys(ctx context.Context, forget bool) error {
	return s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error { return s.RotateKeysTx(ctx, tx, forget) })
}

// RotateKeysTx is RotateKeys in the caller's READ COMMITTED transaction. It keeps login_state locked until that ends.
func (s *Store) RotateKeysTx(ctx context.Context, tx pgx.Tx, forget bool) error {
	old := sqlRetire
	if forget {
		old = sqlForget
	}
	err := changeTx(ctx, tx, nil, nil)
	if err == nil {
		_, err = tx.Exec(ctx, old)
	}
	if err == nil {
		err = insertKey(ctx, tx)
	}
	if err != nil {
		return fmt.Errorf("rotate the session keys: %w", err)
	}
	return nil
}

func insertKey(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, sqlInsertKey, randomBytes(keySize))
	return err
}
