package acme

import (
	"context"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a Store and Locks of one process.
type memory struct {
	mu    sync.Mutex
	texts map[string][]byte
	fault error
	lock  map[string]chan struct{}
	held  sync.WaitGroup
}

func newMemory() *memory {
	return &memory{texts: map[string][]byte{}, lock: map[string]chan struct{}{}}
}

func (m *memory) Save(_ context.Context, key string, text []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault == nil {
		m.texts[key] = slices.Clone(text)
	}
	return m.fault
}

func (m *memory) Load(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	text, ok := m.texts[key]
	switch {
	case m.fault != nil:
		return nil, m.fault
	case !ok:
		return nil, fs.ErrNotExist
	}
	return slices.Clone(text), nil
}

func (m *memory) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for one := range m.texts {
		if one == key || strings.HasPrefix(one, key+"/") {
			delete(m.texts, one)
		}
	}
	return m.fault
}

func (m *memory) Keys(_ context.Context, prefix string) (keys []string, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for one := range m.texts {
		if prefix == "" || one == prefix || strings.HasPrefix(one, prefix+"/") {
			keys = append(keys, one)
		}
	}
	slices.Sort(keys)
	return keys, m.fault
}

func (m *memory) Stat(ctx context.Context, key string) (int64, time.Time, error) {
	text, err := m.Load(ctx, key)
	return int64(len(text)), time.Time{}, err
}

func (m *memory) of(name string) chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lock[name] == nil {
		m.lock[name] = make(chan struct{}, 1)
	}
	return m.lock[name]
}

func (m *memory) Lock(ctx context.Context, name string) error {
	select {
	case m.of(name) <- struct{}{}:
		m.held.Add(1)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *memory) Unlock(_ context.Context, name string) error {
	<-m.of(name)
	m.held.Done()
	return nil
}

func (m *memory) Await(context.Context) { m.held.Wait() }
