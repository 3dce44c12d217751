package cluster

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"testing"
	"time"

	"flashsale/events"
	"flashsale/events/eventstest"
)

// turned seals by turning every byte by the key, and tells by the first byte which key it was.
type turned struct{ keys []byte }

var errNoKey = errors.New("no such key")

func (s turned) turn(key byte, text []byte) []byte {
	var out []byte
	for _, b := range text {
		out = append(out, b^key)
	}
	return out
}

func (s turned) Seal(_ context.Context, about string, text []byte) ([]byte, error) {
	return append([]byte{s.keys[0]}, s.turn(s.keys[0], append([]byte(about+"\x00"), text...))...), nil
}

func (s turned) Open(_ context.Context, about string, sealed []byte) ([]byte, bool, error) {
	at := bytes.IndexByte(s.keys, sealed[0])
	if at < 0 {
		return nil, false, errNoKey
	}
	text, bound := bytes.CutPrefix(s.turn(sealed[0], sealed[1:]), []byte(about+"\x00"))
	if !bound {
		return nil, false, errNoKey
	}
	return text, at == 0, nil
}

func TestCertificatesAreKeptSealed(t *testing.T) {
	t.Parallel()
	w := eventstest.New(t, events.WatchNotices)
	ctx, one, two := t.Context(), NewCertificates(w.Pool, turned{[]byte{7}}), NewCertificates(w.Pool, turned{[]byte{9, 7}})
	const key, private = "ca/shop.example/shop.example.key", "-----BEGIN EC PRIVATE KEY-----"
	if _, err := one.Load(ctx, key); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("before it is kept: %v", err)
	}
	if _, _, err := one.Stat(ctx, key); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("before it is kept: %v", err)
	}
	for _, text := range []string{"before", private} {
		if err := one.Save(ctx, key, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.Count(`SELECT count(*) FROM certificate_store WHERE position('PRIVATE'::bytea IN sealed) > 0`); n != 0 {
		t.Error("the table shows the key")
	}
	// A new key in front opens what the one before has sealed, and seals it anew.
	if err := two.Renew(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := one.Load(ctx, key); !errors.Is(err, errNoKey) {
		t.Errorf("it is still sealed with the key of before: %v", err)
	}
	if text, err := two.Load(ctx, key); err != nil || string(text) != private {
		t.Errorf("%s, %v", text, err)
	}
	if size, changed, err := two.Stat(ctx, key); err != nil || size == 0 || changed.IsZero() {
		t.Errorf("%d bytes of %v, %v", size, changed, err)
	}
	// A text that is put under another key does not open there.
	if _, err := w.Pool.Exec(ctx, `INSERT INTO certificate_store (key, sealed) SELECT 'ca/other', sealed FROM certificate_store`); err != nil {
		t.Fatal(err)
	}
	if err := two.Renew(ctx); !errors.Is(err, errNoKey) {
		t.Errorf("a text in another's place: %v", err)
	}
	for _, name := range []string{"ca/shop.example", "ca/shop.example.org", "ca/shop%example/x"} {
		if err := one.Save(ctx, name, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if keys, err := one.Keys(ctx, "ca/shop.example"); err != nil || !slices.Equal(keys, []string{"ca/shop.example", key}) {
		t.Errorf("below the name: %q, %v", keys, err)
	}
	if err := errors.Join(one.Delete(ctx, "ca/shop.example"), one.Delete(ctx, "ca/nothing")); err != nil {
		t.Fatal(err)
	}
	if keys, err := one.Keys(ctx, ""); err != nil || !slices.Equal(keys, []string{"ca/other", "ca/shop%example/x", "ca/shop.example.org"}) {
		t.Errorf("what is left: %q, %v", keys, err)
	}
}

func TestALockHasOneHolder(t *testing.T) {
	t.Parallel()
	w := eventstest.New(t, events.WatchNotices)
	ctx, processes := t.Context(), []*CertificateLocks{NewCertificateLocks(w.Pool), NewCertificateLocks(w.Pool), NewCertificateLocks(w.Pool)}
	var working sync.WaitGroup
	var mu sync.Mutex
	inside, done := 0, 0
	for _, one := range processes {
		working.Go(func() {
			if err := one.Lock(ctx, "order"); err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			inside++
			if inside > 1 {
				t.Error("two hold the lock")
			}
			mu.Unlock()
			time.Sleep(20 * time.Millisecond)
			mu.Lock()
			inside--
			done++
			mu.Unlock()
			if err := one.Unlock(ctx, "order"); err != nil {
				t.Error(err)
			}
			one.Await(ctx)
		})
	}
	working.Wait()
	if done != len(processes) {
		t.Errorf("%d of %d had it", done, len(processes))
	}
	if n := w.Count(`SELECT count(*) FROM certificate_locks`); n != 0 {
		t.Errorf("%d locks are left", n)
	}
	if err := processes[0].Unlock(ctx, "order"); !errors.Is(err, errNotHeld) {
		t.Errorf("given back twice: %v", err)
	}
}

func TestTheLockOfADeadProcessIsFreeInTime(t *testing.T) {
	t.Parallel()
	w := eventstest.New(t, events.WatchNotices)
	ctx, one, two := t.Context(), NewCertificateLocks(w.Pool), NewCertificateLocks(w.Pool)
	if err := one.Lock(ctx, "order"); err != nil {
		t.Fatal(err)
	}
	waiting, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if err := two.Lock(waiting, "order"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it is held: %v", err)
	}
	if _, err := w.Pool.Exec(ctx, `UPDATE certificate_locks SET until = now() - interval '1 second'`); err != nil {
		t.Fatal(err)
	}
	if err := two.Lock(ctx, "order"); err != nil {
		t.Fatal(err)
	}
	// The one that was overtaken gives back what it does not have any more, and takes nothing away.
	if err := one.Unlock(ctx, "order"); err != nil {
		t.Error(err)
	}
	if n := w.Count(`SELECT count(*) FROM certificate_locks`); n != 1 {
		t.Errorf("%d locks, want that of the second", n)
	}
	if err := two.Unlock(ctx, "order"); err != nil {
		t.Error(err)
	}
}
