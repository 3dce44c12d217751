package acme

import (
	"context"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
)

// Store keeps texts under keys that are paths with slashes, for all processes of a deployment. What is not there is fs.ErrNotExist.
type Store interface {
	Save(ctx context.Context, key string, text []byte) error
	Load(ctx context.Context, key string) ([]byte, error)
	// Delete removes a key and those below it.
	Delete(ctx context.Context, key string) error
	// Keys are a key and those below it, in order.
	Keys(ctx context.Context, prefix string) ([]string, error)
	Stat(ctx context.Context, key string) (size int64, changed time.Time, err error)
}

// Locks are named locks that all processes of a deployment see. Who has one keeps it until Unlock, or until its process is dead.
type Locks interface {
	Lock(ctx context.Context, name string) error
	Unlock(ctx context.Context, name string) error
	// Await returns when this process has no lock, or ctx has ended.
	Await(ctx context.Context)
}

// storage is a Store and Locks as CertMagic wants them.
type storage struct {
	store Store
	Locks
}

func (s storage) Store(ctx context.Context, key string, value []byte) error {
	return s.store.Save(ctx, key, value)
}

func (s storage) Load(ctx context.Context, key string) ([]byte, error) { return s.store.Load(ctx, key) }

func (s storage) Delete(ctx context.Context, key string) error { return s.store.Delete(ctx, key) }

func (s storage) Exists(ctx context.Context, key string) bool {
	keys, err := s.store.Keys(ctx, key)
	return err == nil && len(keys) > 0
}

func (s storage) List(ctx context.Context, prefix string, recursive bool) ([]string, error) {
	keys, err := s.store.Keys(ctx, prefix)
	if err != nil || recursive {
		return keys, err
	}
	var near []string
	for _, key := range keys {
		below := strings.TrimPrefix(strings.TrimPrefix(key, prefix), "/")
		name, _, _ := strings.Cut(below, "/")
		if one := strings.TrimSuffix(key, below) + name; name != "" && (len(near) == 0 || near[len(near)-1] != one) {
			near = append(near, one)
		}
	}
	return near, nil
}

func (s storage) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	size, changed, err := s.store.Stat(ctx, key)
	return certmagic.KeyInfo{Key: key, Modified: changed, Size: size, IsTerminal: true}, err
}
