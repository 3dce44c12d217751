package directory

// table finds refs by hash, with linear probing in one flat array that holds no pointer for the garbage collector to
// follow. A slot is a tag, 32 bits of the hash that also say where the slot belongs, and a ref; zero is an empty slot.
// Several records may have the same tag, so the caller has to compare the record at the ref. The zero value is an empty
// table.
type table struct {
	slots []uint64
	count int
}

const (
	// leastSlots is the size of the smallest table that is not empty.
	leastSlots = 4
	// sparse is how many slots for each one in use make a table too large.
	sparse = 8
)

func slotOf(tag uint32, p ref) uint64 { return uint64(tag)<<32 | uint64(p) }

func tagOf(slot uint64) uint32 { return uint32(slot >> 32) }

// home spreads the tags over any number of slots, in their order, so a table can grow by less than twice.
func (t *table) home(tag uint32) int { return int(uint64(tag) * uint64(len(t.slots)) >> 32) }

func (t *table) next(at int) int {
	if at++; at < len(t.slots) {
		return at
	}
	return 0
}

// seek gives the slot with this tag whose ref is meant, or -1.
func (t *table) seek(tag uint32, meant func(ref) bool) int {
	if len(t.slots) == 0 {
		return -1
	}
	for at := t.home(tag); t.slots[at] != 0; at = t.next(at) {
		if slot := t.slots[at]; tagOf(slot) == tag && meant(ref(slot)) {
			return at
		}
	}
	return -1
}

func (t *table) ref(at int) ref { return ref(t.slots[at]) }

func (t *table) set(at int, p ref) { t.slots[at] = slotOf(tagOf(t.slots[at]), p) }

// insert needs room: see fitted.
func (t *table) insert(tag uint32, p ref) {
	at := t.home(tag)
	for t.slots[at] != 0 {
		at = t.next(at)
	}
	t.slots[at] = slotOf(tag, p)
	t.count++
}

// remove empties a slot and moves those after it that belong before it, so that no search ends too early.
func (t *table) remove(at int) {
	for later := t.next(at); t.slots[later] != 0; later = t.next(later) {
		if t.from(t.home(tagOf(t.slots[later])), later) >= t.from(at, later) {
			t.slots[at], at = t.slots[later], later
		}
	}
	t.slots[at] = 0
	t.count--
}

// from is how many steps lead from one slot to another.
func (t *table) from(one, other int) int {
	if other < one {
		other += len(t.slots)
	}
	return other - one
}

// fitted is the table with room for one more: itself, or a copy of a better size when four fifths of it are in use or
// hardly any of it. The table itself is not changed, so that others may go on reading it.
func (t *table) fitted() table {
	wanted := (t.count + 1) * 5 / 4
	if wanted < len(t.slots) && (len(t.slots) <= leastSlots || len(t.slots) < sparse*wanted) {
		return *t
	}
	fit := table{slots: make([]uint64, max(leastSlots, wanted*5/4+1))}
	for _, slot := range t.slots {
		if slot != 0 {
			fit.insert(tagOf(slot), ref(slot))
		}
	}
	return fit
}
