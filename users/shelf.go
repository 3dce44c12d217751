package users

import (
	"iter"
	"sync/atomic"
)

// place says where a record stands on a shelf, counted in units; zero is nowhere.
type place uint32

const (
	unit       = 8
	chunkUnits = 8 << 10
	chunkBytes = chunkUnits * unit
	// mostChunks are as many as a place can tell apart when its highest bit is left to others: 16 GiB.
	mostChunks = 1 << 31 / chunkUnits
)

// shelf keeps records as bytes, in chunks of a fixed size: it grows without copying, and the garbage collector finds
// no pointer in it. A record is written once and never again, and its memory is never used for another one: strings
// may point into it. What is taken away leaves a gap; a chunk that is mostly gaps is emptied by its owner (thin,
// records, release), and its memory goes once no string points into it.
//
// One writer at a time. at is for readers too: whoever learnt of a place from the writer, by a lock of their own, may
// read there until they have let the writer know that they are done. The zero value is an empty shelf.
type shelf struct {
	// chunks is replaced when it has to grow. An element is set before anybody knows a place in it.
	chunks atomic.Pointer[[][]byte]
	// The writer's own: how each chunk is used, which one is being filled, which have no memory, and which may be
	// worth emptying.
	uses    []use
	filling int
	unused  []int
	suspect []int
	scratch stored
}

// use is how much of a chunk is written, and how much of that is still wanted, in units.
type use struct{ written, live int }

// at is the record of a place, and whatever follows it.
func (s *shelf) at(p place) stored {
	return (*s.chunks.Load())[p/chunkUnits][p%chunkUnits*unit:]
}

// add writes a record. It gives nowhere when there is no space left, or the record does not fit into any chunk.
func (s *shelf) add(r *record) place {
	if !r.storable() {
		return 0
	}
	s.scratch = r.appendStored(s.scratch[:0])
	return s.put(s.scratch)
}

// put is add for a record that is stored already.
func (s *shelf) put(raw stored) place {
	size := units(len(raw))
	if size >= chunkUnits || !s.reserve(size) {
		return 0
	}
	now := &s.uses[s.filling]
	p := place(s.filling*chunkUnits + now.written)
	copy(s.at(p), raw)
	now.written += size
	now.live += size
	return p
}

// remove says that nobody knows a place any more.
func (s *shelf) remove(p place) {
	chunk := int(p / chunkUnits)
	s.uses[chunk].live -= units(s.at(p).size())
	s.suspectThin(chunk)
}

// reserve finds a chunk with space for so many units.
func (s *shelf) reserve(size int) bool {
	if len(s.uses) > 0 && s.uses[s.filling].written+size <= chunkUnits {
		return true
	}
	next, ok := s.chunk()
	if !ok {
		return false
	}
	full := s.filling
	s.filling = next
	s.suspectThin(full)
	return true
}

// chunk gives an empty one.
func (s *shelf) chunk() (int, bool) {
	var list [][]byte
	if known := s.chunks.Load(); known != nil {
		list = *known
	}
	if len(s.unused) == 0 {
		if len(list) == mostChunks {
			return 0, false
		}
		more := make([][]byte, min(max(8, 2*len(list)), mostChunks))
		copy(more, list)
		for n := len(more) - 1; n >= len(list); n-- {
			s.unused = append(s.unused, n)
		}
		s.uses = append(s.uses, make([]use, len(more)-len(list))...)
		s.chunks.Store(&more)
		list = more
	}
	n := s.unused[len(s.unused)-1]
	s.unused = s.unused[:len(s.unused)-1]
	list[n] = make([]byte, chunkBytes)
	s.uses[n] = use{written: 1} // so that no record stands nowhere
	return n, true
}

// isThin is true for a chunk that is full and mostly gaps.
func (s *shelf) isThin(chunk int) bool {
	return chunk != s.filling && s.uses[chunk].written > 0 && 2*s.uses[chunk].live < chunkUnits
}

func (s *shelf) suspectThin(chunk int) {
	if s.isThin(chunk) {
		s.suspect = append(s.suspect, chunk)
	}
}

// thin gives a chunk that is worth emptying, once, or false.
func (s *shelf) thin() (int, bool) {
	for len(s.suspect) > 0 {
		chunk := s.suspect[len(s.suspect)-1]
		s.suspect = s.suspect[:len(s.suspect)-1]
		if s.isThin(chunk) {
			return chunk, true
		}
	}
	return 0, false
}

// records are the places of all records in a chunk, those too that were taken away.
func (s *shelf) records(chunk int) iter.Seq[place] {
	return func(yield func(place) bool) {
		for at := 1; at < s.uses[chunk].written; {
			p := place(chunk*chunkUnits + at)
			at += units(s.at(p).size())
			if !yield(p) {
				return
			}
		}
	}
}

// release gives up a chunk of which nobody knows a place any more.
func (s *shelf) release(chunk int) {
	(*s.chunks.Load())[chunk] = nil
	s.uses[chunk] = use{}
	s.unused = append(s.unused, chunk)
}

func (s *shelf) clear() {
	s.chunks.Store(nil)
	s.uses, s.filling, s.unused, s.suspect = nil, 0, nil, nil
}

func units(bytes int) int { return (bytes + unit - 1) / unit }
