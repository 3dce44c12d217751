package claimlog

import (
	"slices"
	"sync"
)

// ownBatch is a batch that this process writes, for those that read its partition here.
type ownBatch struct {
	readers []*Reader
	before  []int64 // what each of them had before it was written
	records []Record
}

// begin notes that a batch is written to a partition.
func (s *readers) begin(partition int) *ownBatch {
	b := &ownBatch{readers: s.of(partition)}
	for _, r := range b.readers {
		b.before = append(b.before, r.begin())
	}
	return b
}

// acknowledged says that the log has the batch, and where. The records are made of what was sent, as a fetch makes them of what it
// receives: nothing that depends on the claim's form is known twice.
func (b *ownBatch) acknowledged(base int64, sent []Message) {
	if len(b.readers) == 0 || base < 0 {
		return
	}
	b.records = make([]Record, len(sent))
	for i := range sent {
		b.records[i] = newRecord(base+int64(i), sent[i].Key, sent[i].Value)
	}
}

// end hands the batch over, if it was acknowledged.
func (b *ownBatch) end() {
	for i, r := range b.readers {
		r.end(b.before[i], b.records)
	}
}

// readers are those of a log, by partition.
type readers struct {
	mu          sync.RWMutex
	byPartition map[int][]*Reader
}

func (s *readers) add(r *Reader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byPartition == nil {
		s.byPartition = make(map[int][]*Reader)
	}
	s.byPartition[r.partition] = append(slices.Clone(s.byPartition[r.partition]), r)
}

func (s *readers) remove(r *Reader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byPartition[r.partition] = slices.DeleteFunc(slices.Clone(s.byPartition[r.partition]), func(o *Reader) bool { return o == r })
}

// of are the readers of a partition. The slice does not change.
func (s *readers) of(partition int) []*Reader {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byPartition[partition]
}
