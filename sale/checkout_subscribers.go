package sale

import "sync"

// subscribers are those who want to know that something changed. The zero value has none.
type subscribers struct {
	mu   sync.Mutex
	all  map[int]chan struct{}
	next int
}

func (r *subscribers) subscribe() (<-chan struct{}, func()) {
	signal := make(chan struct{}, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = make(map[int]chan struct{})
	}
	id := r.next
	r.next++
	r.all[id] = signal
	return signal, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.all, id)
	}
}

func (r *subscribers) notify() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, signal := range r.all {
		select {
		case signal <- struct{}{}:
		default:
		}
	}
}
