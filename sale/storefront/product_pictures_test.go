package storefront

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"

	"flashsale/sale"
)

// shelf has pictures of ten bytes, and counts how often it is asked. A picture whose id begins with a minus is not there.
type shelf struct {
	mu      sync.Mutex
	asked   int
	atOnce  int
	most    int
	takes   time.Duration
	failing error
}

func (s *shelf) Size(ctx context.Context, k PictureKey) (*Size, error) {
	s.mu.Lock()
	s.asked, s.atOnce = s.asked+1, s.atOnce+1
	s.most = max(s.most, s.atOnce)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.atOnce--
		s.mu.Unlock()
	}()
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.failing != nil {
		return nil, s.failing
	}
	if strings.HasPrefix(k.ID, "-") {
		return nil, sale.ErrNoPicture
	}
	return &Size{Kind: "image/jpeg", Body: make([]byte, 10)}, nil
}

func jpegKey(id string) PictureKey { return PictureKey{id, 400, "image/jpeg"} }

func yes(string) bool { return true }
func no(string) bool  { return false }

func TestPicturesComeFromMemoryWithinTheirRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := &shelf{}
		p := newProductPictures(from, 30)
		for range 3 {
			for _, id := range []string{"a", "b", "c"} {
				if _, err := p.Find(t.Context(), jpegKey(id), yes); err != nil {
					t.Fatal(err)
				}
			}
		}
		if from.asked != 3 || p.weight != 30 {
			t.Errorf("three pictures were read %d times and weigh %d", from.asked, p.weight)
		}
		// The fourth takes the place of the one that was not asked for the longest.
		for _, id := range []string{"d", "b", "c", "d", "a"} {
			_, _ = p.Find(t.Context(), jpegKey(id), yes)
		}
		if from.asked != 5 || p.weight != 30 || len(p.byKey) != 3 || p.recent.Len() != 3 {
			t.Errorf("%d reads, %d bytes of %d pictures", from.asked, p.weight, len(p.byKey))
		}
		p.Forget("a")
		if p.weight != 20 {
			t.Errorf("%d bytes after one was forgotten", p.weight)
		}
		// What another process has deleted is not shown for ever.
		time.Sleep(keptFor + time.Second)
		if _, err := p.Find(t.Context(), jpegKey("d"), yes); err != nil || from.asked != 6 {
			t.Errorf("%v, %d reads", err, from.asked)
		}
		// The other kind of the same picture does not exist.
		if _, err := p.Find(t.Context(), PictureKey{"d", 400, "image/png"}, yes); !errors.Is(err, sale.ErrNoPicture) {
			t.Errorf("a PNG of a JPEG: %v", err)
		}
	})
}

// A page that opens for ten thousand shoppers at once asks Postgres once for each of its pictures, and for two at once.
func TestManyWhoAskForAPictureAskPostgresOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := &shelf{takes: 100 * time.Millisecond}
		p := newProductPictures(from, 1000)
		var all sync.WaitGroup
		for i := range 1000 {
			all.Go(func() {
				if _, err := p.Find(t.Context(), jpegKey(fmt.Sprint(i%8)), yes); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if from.asked != 8 || from.most != pictureReads {
			t.Errorf("%d reads, %d at once", from.asked, from.most)
		}
	})
}

func TestAPictureThatCannotBeReadIsWaitedForInVain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := &shelf{takes: time.Hour}
		p := newProductPictures(from, 1000)
		start := time.Now()
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				if _, err := p.Find(t.Context(), jpegKey(fmt.Sprint(i)), yes); !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		synctest.Wait()
		if took := time.Since(start); took != readPatience || from.most != pictureReads {
			t.Errorf("%s, %d at once", took, from.most)
		}
		time.Sleep(readPatience)
		synctest.Wait()
		from.takes, from.failing = 0, errors.New("away")
		if _, err := p.Find(t.Context(), jpegKey("a"), yes); !errors.Is(err, from.failing) {
			t.Error(err)
		}
		from.failing = nil
		if _, err := p.Find(t.Context(), jpegKey("a"), yes); err != nil {
			t.Errorf("a failure is kept: %v", err)
		}
	})
}

// Addresses that somebody made up cost at most ten reads a second, and never keep back the pictures of sales.
func TestMadeUpAddressesAskPostgresSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		from := &shelf{}
		p := newProductPictures(from, 1000)
		for i := range 1000 {
			if _, err := p.Find(t.Context(), jpegKey(fmt.Sprint("-", i)), no); !errors.Is(err, sale.ErrNoPicture) {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		if from.asked > 10 {
			t.Errorf("%d reads in a second", from.asked)
		}
		if _, err := p.Find(t.Context(), jpegKey("a"), yes); err != nil {
			t.Error(err)
		}
		// One that another process was given a moment ago is found.
		time.Sleep(strangersEvery)
		if _, err := p.Find(t.Context(), jpegKey("b"), no); err != nil {
			t.Error(err)
		}
	})
}

func TestPicturesInPostgres(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	store, ctx := NewStore(pool), testContext(t)
	p := made(t, halvesFile(t, 900, 600))
	act := func(do func(pgx.Tx) error) { must(t, pgx.BeginFunc(ctx, pool, do)) }
	for range 2 { // a second sale has the same picture
		act(func(tx pgx.Tx) error { return store.KeepPictureTx(ctx, tx, p) })
	}
	for _, want := range p.Sizes {
		got, err := store.Size(ctx, PictureKey{ID: p.ID, Width: want.Width})
		must(t, err)
		if got.Kind != want.Kind || got.Height != want.Height || !bytes.Equal(got.Body, want.Body) {
			t.Errorf("kept is %s %d x %d of %d bytes", got.Kind, got.Width, got.Height, len(got.Body))
		}
	}
	if _, err := store.Size(ctx, PictureKey{ID: p.ID, Width: 399}); !errors.Is(err, sale.ErrNoPicture) {
		t.Error(err)
	}
	act(func(tx pgx.Tx) error {
		return errors.Join(store.LockPictureTx(ctx, tx, p.ID), store.ForgetPictureTx(ctx, tx, p.ID))
	})
	if _, err := store.Size(ctx, PictureKey{ID: p.ID, Width: 400}); !errors.Is(err, sale.ErrNoPicture) {
		t.Errorf("after it was forgotten: %v", err)
	}
}
