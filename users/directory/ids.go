package directory

import "math/rand/v2"

// pinned marks the ref of an account that is removed only when there are no others to make room.
const pinned ref = 1 << 31

// ids is the table from ids to accounts in an arena. Only the writer uses it.
type ids struct {
	arena  *arena
	shards [shards]table
	count  int
}

// hashID spreads ids that follow each other as evenly as possible. No attacker can choose an id.
func hashID(id int64) uint64 {
	const golden = 0x9e3779b97f4a7c15
	hash := uint64(id) * golden
	return hash ^ hash>>24
}

// slot is where an account is in its table, or -1, and its tag.
func (i *ids) slot(id int64) (t *table, at int, tag uint32) {
	shard, tag := split(hashID(id))
	t = &i.shards[shard]
	return t, t.seek(tag, func(p ref) bool { return i.arena.at(p&^pinned).id() == id }), tag
}

// find gives an account's ref, or 0, and whether it is pinned.
func (i *ids) find(id int64) (at ref, isPinned bool) {
	t, slot, _ := i.slot(id)
	if slot < 0 {
		return 0, false
	}
	p := t.ref(slot)
	return p &^ pinned, p&pinned != 0
}

// put sets an account's ref. One that had a ref stays pinned if it was.
func (i *ids) put(id int64, to ref) {
	t, slot, tag := i.slot(id)
	if slot >= 0 {
		t.set(slot, to|t.ref(slot)&pinned)
		return
	}
	*t = t.fitted()
	t.insert(tag, to)
	i.count++
}

// pin pins an account and says whether there is one.
func (i *ids) pin(id int64) bool {
	t, slot, _ := i.slot(id)
	if slot >= 0 {
		t.set(slot, t.ref(slot)|pinned)
	}
	return slot >= 0
}

// pinned are the ids of all accounts that are pinned.
func (i *ids) pinned() []int64 {
	var list []int64
	for n := range i.shards {
		for _, slot := range i.shards[n].slots {
			if p := ref(slot); slot != 0 && p&pinned != 0 {
				list = append(list, i.arena.at(p&^pinned).id())
			}
		}
	}
	return list
}

func (i *ids) remove(id int64) {
	t, slot, _ := i.slot(id)
	if slot < 0 {
		return
	}
	t.remove(slot)
	*t = t.fitted()
	i.count--
}

func (i *ids) clear() { i.shards, i.count = [shards]table{}, 0 }

// candidate is the ref of an account to remove when room is needed. It looks at a few accounts that are next to each
// other somewhere, and takes the first that is not pinned, else any. It is 0 if there is none.
func (i *ids) candidate() ref {
	const few = 16
	var found ref
	tries := 0
	begin := rand.IntN(shards)
	for n := range shards {
		slots := i.shards[(begin+n)%shards].slots
		if len(slots) == 0 {
			continue
		}
		from := rand.IntN(len(slots))
		for k := range slots {
			slot := slots[(from+k)%len(slots)]
			if slot == 0 {
				continue
			}
			found = ref(slot) &^ pinned
			if tries++; ref(slot)&pinned == 0 || tries == few {
				return found
			}
		}
	}
	return found
}
