package inventory_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"pgregory.net/rapid"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/inventory"
)

// model is what the places of one sale must be, written as simply as possible.
type model struct {
	places placesFixture

	loaded, limited bool // is the set there, is the limit there
	holders         map[int64]bool
	limit, version  int64
}

var (
	anyUser  = rapid.Int64Range(1, 12)
	anyUsers = rapid.SliceOfN(anyUser, 1, 8)
	anyLimit = rapid.Int64Range(0, 8)
	// Versions repeat and fall often.
	anyVersion = rapid.Int64Range(0, 6)
)

func (m *model) reserve(t *rapid.T) {
	users := anyUsers.Draw(t, "users")
	places, err := m.places.Reserve(context.Background(), key, users)
	if !m.loaded || !m.limited {
		if !errors.Is(err, inventory.ErrMissing) {
			t.Fatalf("reserve without a set: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	want := make([]inventory.Place, len(users))
	for i, user := range users {
		switch {
		case m.holders[user]:
			want[i] = inventory.AlreadyHolder
		case int64(len(m.holders)) < m.limit:
			want[i] = inventory.Reserved
			m.holders[user] = true
		default:
			want[i] = inventory.Full
		}
	}
	if !slices.Equal(places, want) {
		t.Fatalf("users %v got %s, want %s", users, letters(places), letters(want))
	}
}

func (m *model) release(t *rapid.T) {
	users := anyUsers.Draw(t, "users")
	if err := m.places.Release(context.Background(), key, users); err != nil {
		t.Fatal(err)
	}
	for _, user := range users {
		delete(m.holders, user)
	}
}

func (m *model) load(t *rapid.T) {
	owners := rapid.SliceOfNDistinct(anyUser, 0, 8, rapid.ID).Draw(t, "owners")
	limit, version := anyLimit.Draw(t, "limit"), anyVersion.Draw(t, "version")
	changed, err := m.places.Load(context.Background(), key, limit, version, owners)
	if err != nil {
		t.Fatal(err)
	}
	if want := m.applyLoad(owners, limit, version); changed != want {
		t.Fatalf("load changed something: %v, want %v", changed, want)
	}
}

func (m *model) applyLoad(owners []int64, limit, version int64) bool {
	same := m.limited && m.limit == limit && m.version == version
	switch {
	case m.limited && m.version > version, m.loaded && same:
		return false
	case !m.loaded:
		m.holders = map[int64]bool{}
	}
	for _, owner := range owners {
		m.holders[owner] = true
	}
	m.loaded, m.limited, m.limit, m.version = true, true, limit, version
	return true
}

func (m *model) setLimit(t *rapid.T) {
	limit, version := anyLimit.Draw(t, "limit"), anyVersion.Draw(t, "version")
	set, err := m.places.SetLimit(context.Background(), key, limit, version)
	if !m.limited {
		if !errors.Is(err, inventory.ErrMissing) {
			t.Fatalf("limit of a missing set: %v", err)
		}
		return
	}
	want := version > m.version || version == m.version && limit != m.limit
	if err != nil || set != want {
		t.Fatalf("limit %d version %d over %d version %d: %v, %v", limit, version, m.limit, m.version, set, err)
	}
	if want {
		m.limit, m.version = limit, version
	}
}

// lose removes what an eviction or a failover removes.
func (m *model) lose(t *rapid.T) {
	if rapid.Bool().Draw(t, "holders") {
		m.places.client.Do(context.Background(), m.places.client.B().Del().Key(m.places.name("holders")).Build())
		m.loaded, m.holders = false, map[int64]bool{}
	}
	if rapid.Bool().Draw(t, "limit") {
		m.places.client.Do(context.Background(), m.places.client.B().Del().Key(m.places.name("limit")).Build())
		m.limited = false
	}
}

func (m *model) check(t *rapid.T) {
	owners := slices.Collect(maps.Keys(m.holders))
	missing, extra, err := m.places.Compare(context.Background(), key, owners)
	if !m.loaded {
		if !errors.Is(err, inventory.ErrMissing) {
			t.Fatalf("compare without a set: %v", err)
		}
		return
	}
	if err != nil || len(missing)+len(extra) > 0 {
		t.Fatalf("missing %v, extra %v, %v", missing, extra, err)
	}
	if !m.limited {
		return
	}
	want := inventory.Holders{Count: int64(len(m.holders)), Limit: m.limit, Version: m.version}
	if got, err := m.places.Count(context.Background(), key); err != nil || got != want {
		t.Fatalf("count %+v, %v; want %+v", got, err, want)
	}
}

func checkModel(t *testing.T, h placesFixture) {
	rapid.Check(t, func(t *rapid.T) {
		h.client.Do(context.Background(), h.client.B().Del().Key(h.name("holders"), h.name("limit")).Build())
		m := &model{places: h, holders: map[int64]bool{}}
		t.Repeat(map[string]func(*rapid.T){
			"":        m.check,
			"reserve": m.reserve, "reserve again": m.reserve, "release": m.release,
			"load": m.load, "set limit": m.setLimit, "lose": m.lose,
		})
	})
}

func TestPlacesBehaveLikeTheModel(t *testing.T) {
	t.Parallel()
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		checkModel(t, openPlaces(t, miniClient(t, miniredis.RunT(t).Addr()), "test"))
	})
	t.Run("redis", func(t *testing.T) {
		if !embeddedtest.RealRedis() {
			t.Skip("REDIS_URL is not set")
		}
		t.Parallel()
		checkModel(t, openPlaces(t, embeddedtest.Redis(t), embeddedtest.Namespace(t)))
	})
}
