package inventory

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/redis/rueidis"
)

// errTorn: the prepared set lost members before it could be used (evicted, expired, a server without memory).
var errTorn = errors.New("the prepared set is incomplete")

// preparedFor is how long a prepared set exists after its loader stopped, in seconds.
const preparedFor = 600

// Load makes the owners holders and sets the limit, as the ledger had them at version; it says whether it changed
// anything. A version older than the stored limit's is refused, and so is the same one when nothing is missing.
//
// A missing set is prepared under another key in small steps, because a million members in one script stop the server
// for everybody. Then a script that checks the version again renames it. When the set is there, by then or from the
// start, shoppers may have taken places in it that the ledger does not know of: it is never replaced, only missing
// owners are added. Shoppers whose claims were under way when a set was lost are not in a new one; until they are
// decided the room is larger than the stock, and the ledger declines what is too much.
//
// A key of the wrong type is an alarm; it is removed and loaded anew.
func (p *Places) Load(ctx context.Context, key Key, limit, version int64, owners []int64) (bool, error) {
	if err := checkUsers(owners); err != nil {
		return false, err
	}
	changed, err := p.load(ctx, key, limit, version, owners)
	if errors.Is(err, ErrWrongType) {
		if err = p.repair(ctx, key, err); err == nil {
			changed, err = p.load(ctx, key, limit, version, owners)
		}
	}
	if err != nil {
		return false, fmt.Errorf("load holders: %w", err)
	}
	return changed, nil
}

func (p *Places) load(ctx context.Context, key Key, limit, version int64, owners []int64) (bool, error) {
	h, err := p.readHolders(ctx, key)
	switch {
	case err != nil:
		return false, err
	case h.Version > version:
		p.metrics.outdated.Inc()
		return false, nil
	case h.Count >= 0 && h.Version == version && h.Limit == limit:
		return false, nil
	case h.Count >= 0:
		return p.merge(ctx, key, limit, version, owners)
	}
	outcome, err := p.replace(ctx, key, limit, version, owners)
	switch {
	case err != nil:
		return false, err
	case outcome == "present":
		return p.merge(ctx, key, limit, version, owners)
	case outcome == "older":
		p.metrics.outdated.Inc()
	case outcome == "torn":
		return false, fmt.Errorf("%w: %w", ErrUnavailable, errTorn)
	}
	return outcome == "loaded", nil
}

// merge adds owners to a set that is there. The limit and its version are set last, so that a merge that was
// interrupted is done again.
func (p *Places) merge(ctx context.Context, key Key, limit, version int64, owners []int64) (bool, error) {
	added, err := p.add(ctx, key, owners)
	if err != nil {
		return false, err
	}
	set, err := p.setLimit(ctx, key, limit, version, true)
	return set || added > 0, err
}

// add makes users holders whether there is room or not, and says how many were not before.
func (p *Places) add(ctx context.Context, key Key, users []int64) (int64, error) {
	s := p.keysOf(key)
	var total int64
	for chunk := range chunks(users, addBatch) {
		// gofail: var ownersDue struct{}
		added, err := guarded(ctx, s.guard, bulkWithin, func(ctx context.Context) (int64, error) {
			return addScript.Exec(ctx, p.client, s.both[:1], decimal(chunk)).AsInt64()
		})
		if err != nil {
			return total, err
		}
		if added < 0 {
			return total, ErrMissing
		}
		// gofail: var ownersAdded struct{}
		total += added
	}
	return total, nil
}

// replace prepares a set and puts it in place of a missing one; the outcome is the script's answer.
func (p *Places) replace(ctx context.Context, key Key, limit, version int64, owners []int64) (string, error) {
	s := p.keysOf(key)
	prepared := s.prefix + "loading:" + strconv.FormatUint(rand.Uint64(), 36)
	if err := p.prepare(ctx, s, prepared, owners); err != nil {
		return "", err
	}
	// Owners are distinct in the ledger. But the size is compared, so a repeated owner must not look like a lost one.
	size := int64(len(slices.Compact(slices.Sorted(slices.Values(owners))))) + 1
	// gofail: var holdersPrepared struct{}
	return guarded(ctx, s.guard, bulkWithin, func(ctx context.Context) (string, error) {
		keys := []string{s.both[0], s.both[1], prepared}
		return loadScript.Exec(ctx, p.client, keys, decimal([]int64{limit, version, size})).ToString()
	})
}

func (p *Places) prepare(ctx context.Context, s *saleKeys, prepared string, owners []int64) error {
	err := p.bulkAdd(ctx, s, prepared, []string{loadedMark})
	if err != nil {
		return err
	}
	for chunk := range chunks(owners, bulkBatch) {
		if err := p.bulkAdd(ctx, s, prepared, decimal(chunk)); err != nil {
			return err
		}
	}
	return nil
}

// bulkAdd adds to a prepared set and makes it expire, in case its loader stops.
func (p *Places) bulkAdd(ctx context.Context, s *saleKeys, name string, members []string) error {
	_, err := guarded(ctx, s.guard, bulkWithin, func(ctx context.Context) (struct{}, error) {
		fields := p.client.B().Hset().Key(name).FieldValue()
		for _, member := range members {
			fields = fields.FieldValue(member, "")
		}
		replies := p.client.DoMulti(ctx, fields.Build(),
			p.client.B().Expire().Key(name).Seconds(preparedFor).Build())
		return struct{}{}, errors.Join(replies[0].Error(), replies[1].Error())
	})
	return err
}

// repair removes keys whose value is not ours, and logs an error for each.
func (p *Places) repair(ctx context.Context, key Key, met error) error {
	s := p.keysOf(key)
	// gofail: var repairDue struct{}
	removed, err := guarded(ctx, s.guard, bulkWithin, func(ctx context.Context) (int64, error) {
		return repairScript.Exec(ctx, p.client, s.both, nil).AsInt64()
	})
	if err != nil {
		return err
	}
	// gofail: var holdersRepaired struct{}
	p.metrics.wrongTypes.Add(float64(removed))
	p.config.Logger.Error("redis keys of this sale had values of another type; they were removed and are loaded again",
		"sale", key.Sale, "generation", key.Generation, "removed", removed, "error", met)
	return nil
}

// forget removes the stored limit, so that a ledger that went back to an older version can be loaded.
func (p *Places) forget(ctx context.Context, key Key) error {
	s := p.keysOf(key)
	_, err := guarded(ctx, s.guard, otherWithin, func(ctx context.Context) (int64, error) {
		return p.client.Do(ctx, p.client.B().Unlink().Key(s.both[1]).Build()).AsInt64()
	})
	return err
}

// Compare tells which owners have no place, and which holders are not among the owners; both sorted. The set is
// read in steps, so a shopper who comes or goes meanwhile may or may not be seen. ErrMissing when it is not loaded.
func (p *Places) Compare(ctx context.Context, key Key, owners []int64) (missing, extra []int64, err error) {
	holders, _, err := p.members(ctx, key)
	if err != nil {
		return nil, nil, fmt.Errorf("compare holders: %w", err)
	}
	missing, extra = difference(slices.Sorted(slices.Values(owners)), holders)
	return missing, extra, nil
}

// members reads all holders, sorted, without the mark. foreign are the fields that are no user's id: there are none
// unless somebody else writes to the key, and each takes a place.
func (p *Places) members(ctx context.Context, key Key) (all []int64, foreign []string, err error) {
	s := p.keysOf(key)
	marked := false
	for cursor := uint64(0); ; {
		entry, err := guarded(ctx, s.guard, bulkWithin, func(ctx context.Context) (rueidis.ScanEntry, error) {
			cmd := p.client.B().Hscan().Key(s.holders()).Cursor(cursor).Count(bulkBatch).Build()
			return p.client.Do(ctx, cmd).AsScanEntry()
		})
		if err != nil {
			return nil, nil, err
		}
		for i := 0; i < len(entry.Elements); i += 2 { // a field and its empty value
			field := entry.Elements[i]
			switch user, ours := holder(field); {
			case field == loadedMark:
				marked = true
			case ours:
				all = append(all, user)
			default:
				foreign = append(foreign, field)
			}
		}
		if cursor = entry.Cursor; cursor == 0 {
			break
		}
	}
	if !marked {
		return nil, nil, ErrMissing
	}
	slices.Sort(all)
	return slices.Compact(all), foreign, nil
}

// absent is true when one of these users has no place. ErrMissing when the set is not loaded.
func (p *Places) absent(ctx context.Context, key Key, users []int64) (bool, error) {
	s := p.keysOf(key)
	for chunk := range chunks(users, addBatch) {
		places, err := guarded(ctx, s.guard, bulkWithin, func(ctx context.Context) ([]rueidis.RedisMessage, error) {
			fields := append(decimal(chunk), loadedMark)
			return p.client.Do(ctx, p.client.B().Hmget().Key(s.holders()).Field(fields...).Build()).ToArray()
		})
		switch {
		case err != nil:
			return false, err
		case len(places) != len(chunk)+1:
			return false, fmt.Errorf("%w: %d places in the answer about %d users", ErrUnavailable, len(places), len(chunk))
		case places[len(chunk)].IsNil():
			return false, ErrMissing
		}
		if slices.ContainsFunc(places, func(place rueidis.RedisMessage) bool { return place.IsNil() }) {
			return true, nil
		}
	}
	return false, nil
}

// holder reads a field as the scripts write users: "007" and "+7" are not the place of user 7.
func holder(field string) (user int64, ok bool) {
	user, err := strconv.ParseInt(field, 10, 64)
	return user, err == nil && user > 0 && strconv.FormatInt(user, 10) == field
}

// removeForeign removes foreign fields, and logs an error about them. No press and no claim ever has such a field, so
// nothing waits for one.
func (p *Places) removeForeign(ctx context.Context, key Key, foreign []string) (int64, error) {
	s := p.keysOf(key)
	var removed int64
	for chunk := range slices.Chunk(foreign, bulkBatch) {
		n, err := guarded(ctx, s.guard, otherWithin, func(ctx context.Context) (int64, error) {
			return p.client.Do(ctx, p.client.B().Hdel().Key(s.holders()).Field(chunk...).Build()).AsInt64()
		})
		if err != nil {
			return removed, fmt.Errorf("remove foreign fields: %w", err)
		}
		removed += n
	}
	if removed > 0 {
		p.config.Logger.Error("the holders in redis had fields that are no user's; they were removed and their places are free",
			"sale", key.Sale, "generation", key.Generation, "removed", removed, "one", fmt.Sprintf("%.40q", foreign[0]))
	}
	return removed, nil
}

// difference splits two sorted lists into what only the one or only the other has.
func difference(a, b []int64) (onlyA, onlyB []int64) {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] == b[0]:
			a, b = a[1:], b[1:]
		case a[0] < b[0]:
			onlyA, a = append(onlyA, a[0]), a[1:]
		default:
			onlyB, b = append(onlyB, b[0]), b[1:]
		}
	}
	return append(onlyA, a...), append(onlyB, b...)
}

// chunks cuts a list into pieces of at most n.
func chunks(list []int64, n int) iter.Seq[[]int64] { return slices.Chunk(list, n) }

// RemoveKeys deletes all places of a namespace, on every server of a cluster. A process that still runs loads them
// again.
func RemoveKeys(ctx context.Context, client rueidis.Client, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, removeWithin)
	defer cancel()
	for _, node := range client.Nodes() {
		for cursor := uint64(0); ; {
			page, err := node.Do(ctx, node.B().Scan().Cursor(cursor).Match(namespace+":{*").Count(1000).Build()).AsScanEntry()
			if err != nil {
				return fmt.Errorf("look for keys in redis: %w", err)
			}
			for _, key := range page.Elements {
				// One at a time: they lie on different shards.
				if err := client.Do(ctx, client.B().Unlink().Key(key).Build()).Error(); err != nil {
					return fmt.Errorf("remove keys from redis: %w", err)
				}
			}
			if cursor = page.Cursor; cursor == 0 {
				break
			}
		}
	}
	return nil
}
