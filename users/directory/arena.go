package directory

import (
	"iter"
	"sync/atomic"

	"flashsale/users"
)

// ref is where a record lies in the arena, counted in units; 0: nowhere.
type ref uint32

const (
	unit       = 8
	chunkUnits = 8 << 10
	chunkBytes = chunkUnits * unit
	// mostChunks is how many chunks a ref can tell apart when its highest bit is used for something else: 16 GiB.
	mostChunks = 1 << 31 / chunkUnits
)

// arena keeps records as bytes, in chunks of a fixed size: it grows without copying, and the garbage collector finds no
// pointer in it. A record is written once and never changed, and its memory is never used for another record, because
// strings may point into it. A record that is removed leaves a gap. The owner empties a chunk that is mostly gaps
// (sparseChunk, records, release); its memory is freed when no string points into it.
//
// There is one writer at a time. Readers may call at: a reader gets a ref from the writer, under a lock of the
// caller's, and may read there until it has unlocked.
type arena struct {
	// chunks is replaced when it has to grow. An element is set before anybody knows a ref in it.
	chunks atomic.Pointer[[][]byte]
	// These belong to the writer: how each chunk is used, which one is being filled, which have no memory, and which
	// may be worth emptying.
	uses    []use
	filling int
	unused  []int
	sparse  []int
	scratch encoded
}

// use is how much of a chunk is written, and how much of that is still needed, in units.
type use struct{ written, live int }

// at is the record of a ref, and all bytes of the chunk after it.
func (s *arena) at(p ref) encoded {
	return (*s.chunks.Load())[p/chunkUnits][p%chunkUnits*unit:]
}

// add writes a record. It returns 0 when there is no space left, or when the record is larger than a chunk.
func (s *arena) add(r *users.Record) ref {
	if !encodable(r) {
		return 0
	}
	s.scratch = appendEncoded(s.scratch[:0], r)
	return s.put(s.scratch)
}

// put is add for a record that is encoded already.
func (s *arena) put(raw encoded) ref {
	size := units(len(raw))
	if size >= chunkUnits || !s.reserve(size) {
		return 0
	}
	now := &s.uses[s.filling]
	p := ref(s.filling*chunkUnits + now.written)
	copy(s.at(p), raw)
	now.written += size
	now.live += size
	return p
}

// remove says that no table has this ref any more.
func (s *arena) remove(p ref) {
	chunk := int(p / chunkUnits)
	s.uses[chunk].live -= units(s.at(p).size())
	s.noteSparse(chunk)
}

// reserve finds a chunk with space for so many units.
func (s *arena) reserve(size int) bool {
	if len(s.uses) > 0 && s.uses[s.filling].written+size <= chunkUnits {
		return true
	}
	next, ok := s.chunk()
	if !ok {
		return false
	}
	full := s.filling
	s.filling = next
	s.noteSparse(full)
	return true
}

// chunk gives an empty one.
func (s *arena) chunk() (int, bool) {
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
	s.uses[n] = use{written: 1} // so that no record has ref 0
	return n, true
}

// isSparse is true for a chunk that is full and mostly gaps.
func (s *arena) isSparse(chunk int) bool {
	return chunk != s.filling && s.uses[chunk].written > 0 && 2*s.uses[chunk].live < chunkUnits
}

func (s *arena) noteSparse(chunk int) {
	if s.isSparse(chunk) {
		s.sparse = append(s.sparse, chunk)
	}
}

// sparseChunk gives a chunk that is worth emptying, once, or false.
func (s *arena) sparseChunk() (int, bool) {
	for len(s.sparse) > 0 {
		chunk := s.sparse[len(s.sparse)-1]
		s.sparse = s.sparse[:len(s.sparse)-1]
		if s.isSparse(chunk) {
			return chunk, true
		}
	}
	return 0, false
}

// records are the refs of all records in a chunk, also of those that were removed.
func (s *arena) records(chunk int) iter.Seq[ref] {
	return func(yield func(ref) bool) {
		for at := 1; at < s.uses[chunk].written; {
			p := ref(chunk*chunkUnits + at)
			at += units(s.at(p).size())
			if !yield(p) {
				return
			}
		}
	}
}

// release gives up a chunk when no table has a ref into it any more.
func (s *arena) release(chunk int) {
	(*s.chunks.Load())[chunk] = nil
	s.uses[chunk] = use{}
	s.unused = append(s.unused, chunk)
}

func (s *arena) clear() {
	s.chunks.Store(nil)
	s.uses, s.filling, s.unused, s.sparse = nil, 0, nil, nil
}

func units(bytes int) int { return (bytes + unit - 1) / unit }
