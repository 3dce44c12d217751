package users

import "math/rand/v2"

// pinned marks the place of an account that is one of the last to make room for others.
const pinned place = 1 << 31

// ids is the table from ids to accounts on a shelf, for the one who changes them.
type ids struct {
	shelf  *shelf
	shards [shards]table
	count  int
}

// hashID spreads ids that follow each other as evenly as can be; nobody chooses an id.
func hashID(id int64) uint64 {
	const golden = 0x9e3779b97f4a7c15
	hash := uint64(id) * golden
	return hash ^ hash>>24
}

// slot gives where an account is in its table, or -1, and its tag.
func (i *ids) slot(id int64) (t *table, at int, tag uint32) {
	shard, tag := split(hashID(id))
	t = &i.shards[shard]
	return t, t.seek(tag, func(p place) bool { return i.shelf.at(p&^pinned).id() == id }), tag
}

// find gives an account's place, or nowhere, and whether it is pinned.
func (i *ids) find(id int64) (at place, isPinned bool) {
	t, slot, _ := i.slot(id)
	if slot < 0 {
		return 0, false
	}
	p := t.place(slot)
	return p &^ pinned, p&pinned != 0
}

// put sets an account's place. One that had a place stays pinned if it was.
func (i *ids) put(id int64, to place) {
	t, slot, tag := i.slot(id)
	if slot >= 0 {
		t.set(slot, to|t.place(slot)&pinned)
		return
	}
	*t = t.fitted()
	t.insert(tag, to)
	i.count++
}

// pin tells whether there is such an account to be pinned.
func (i *ids) pin(id int64) bool {
	t, slot, _ := i.slot(id)
	if slot >= 0 {
		t.set(slot, t.place(slot)|pinned)
	}
	return slot >= 0
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

// victim is the place of an account that may make room for another: of a few that stand next to each other somewhere,
// the first that is not pinned, else any. It is nowhere if there is none.
func (i *ids) victim() place {
	const few = 16
	var found place
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
			found = place(slot) &^ pinned
			if tries++; place(slot)&pinned == 0 || tries == few {
				return found
			}
		}
	}
	return found
}
