package storefront

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"flashsale/sale"
)

const (
	// keptPictures is how much memory the pictures of products may take in a process, in bytes.
	keptPictures = 32 << 20
	// keptFor is how long a picture is served from memory before it is read again: another process may have forgotten it.
	keptFor = 10 * time.Minute
	// pictureReads is how many pictures are read at once. Everybody else waits.
	pictureReads = 2
	// readPatience is how long one waits for a picture that is not in memory.
	readPatience = 3 * time.Second
	// strangersEvery is the least time between two reads of pictures that no sale shows here. One that another process was given a
	// moment ago is such a picture; most others were made up by the client.
	strangersEvery = 100 * time.Millisecond
)

// sizes is Store: the sizes of pictures in Postgres.
type sizes interface {
	Size(ctx context.Context, k PictureKey) (*Size, error)
}

// ProductPictures serves the pictures of products. It keeps those that are asked for in memory, up to a number of bytes, and reads
// others from Postgres: each once for everybody who waits for it, and few at a time. It is safe for concurrent use.
type ProductPictures struct {
	from  sizes
	limit int
	read  singleflight.Group
	slots chan struct{}

	mu       sync.Mutex
	weight   int
	byKey    map[PictureKey]*list.Element
	recent   *list.List // of *keptSize, the one that was asked for last first
	stranger time.Time  // when a picture that no sale shows was read last
}

type keptSize struct {
	key  PictureKey
	size *Size
	till time.Time
}

// NewProductPictures has no picture in memory yet.
func NewProductPictures(from *Store) *ProductPictures { return newProductPictures(from, keptPictures) }

func newProductPictures(from sizes, limit int) *ProductPictures {
	return &ProductPictures{
		from: from, limit: limit, slots: make(chan struct{}, pictureReads), byKey: map[PictureKey]*list.Element{}, recent: list.New(),
	}
}

// Find gives one size of a picture. shown says whether a sale shows the picture, as far as this process knows; it is asked only when
// the picture is not in memory. Errors: sale.ErrNoPicture, context.DeadlineExceeded, and those of Postgres.
func (p *ProductPictures) Find(ctx context.Context, k PictureKey, shown func(id string) bool) (*Size, error) {
	if size := p.kept(k); size != nil {
		return size, nil
	}
	if !shown(k.ID) && !p.admitStranger() {
		return nil, sale.ErrNoPicture
	}
	ctx, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	reading := p.read.DoChan(fmt.Sprint(k), func() (any, error) { return p.fetch(k) })
	select {
	case got := <-reading:
		size, _ := got.Val.(*Size)
		return size, got.Err
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a picture: %w", ctx.Err())
	}
}

// Forget drops a picture from memory, once it is deleted.
func (p *ProductPictures) Forget(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, at := range p.byKey {
		if k.ID == id {
			p.drop(at)
		}
	}
}

func (p *ProductPictures) kept(k PictureKey) *Size {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.byKey[k]
	if at == nil {
		return nil
	}
	one := at.Value.(*keptSize)
	if time.Now().After(one.till) {
		p.drop(at)
		return nil
	}
	p.recent.MoveToFront(at)
	return one.size
}

// fetch reads a picture for everybody who waits for it, so it has a time of its own.
func (p *ProductPictures) fetch(k PictureKey) (*Size, error) {
	ctx, cancel := context.WithTimeout(context.Background(), readPatience)
	defer cancel()
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("too many pictures are being read: %w", ctx.Err())
	}
	size, err := p.from.Size(ctx, k)
	if err == nil && size.Kind != k.Kind {
		err = sale.ErrNoPicture
	}
	if err != nil {
		return nil, err
	}
	p.keep(k, size)
	return size, nil
}

func (p *ProductPictures) keep(k PictureKey, size *Size) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := p.byKey[k]; at != nil {
		p.drop(at)
	}
	p.byKey[k] = p.recent.PushFront(&keptSize{k, size, time.Now().Add(keptFor)})
	for p.weight += len(size.Body); p.weight > p.limit; {
		p.drop(p.recent.Back())
	}
}

func (p *ProductPictures) drop(at *list.Element) {
	one := p.recent.Remove(at).(*keptSize)
	delete(p.byKey, one.key)
	p.weight -= len(one.size.Body)
}

// admitStranger lets a few of those through who ask for a picture that no sale shows.
func (p *ProductPictures) admitStranger() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.stranger) < strangersEvery {
		return false
	}
	p.stranger = now
	return true
}
