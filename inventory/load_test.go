package inventory_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"flashsale/inventory"
)

func TestLoadingKeepsShoppersWhoCameMeanwhile(t *testing.T) {
	onEachServer(t, func(t *testing.T, h placesFixture) {
		h.load(t, 10, 5, 1)
		h.wantReserve(t, "R", 50) // under way: no ledger knows it
		if !h.load(t, 10, 6, 1, 2) {
			t.Fatal("a newer load with a new owner changed nothing")
		}
		h.wantHolders(t, 10, 6, 1, 2, 50)
		if h.load(t, 10, 6, 1, 2) {
			t.Fatal("the same load again changed something")
		}
		if h.load(t, 99, 5, 77) {
			t.Fatal("an older load was taken")
		}
		h.wantHolders(t, 10, 6, 1, 2, 50)
	})
}

func TestSetsThatLostMembersAreCompleted(t *testing.T) {
	onEachServer(t, func(t *testing.T, h placesFixture) {
		h.load(t, 4, 5, 1)
		h.wantReserve(t, "R", 50)
		h.do(t, "DEL", h.name("limit"))
		h.load(t, 4, 5, 1)
		h.wantHolders(t, 4, 5, 1, 50)

		h.do(t, "DEL", h.name("holders"))
		if h.load(t, 4, 4, 9) {
			t.Fatal("a load older than the limit that is left was taken")
		}
		h.load(t, 4, 5, 1)
		h.wantHolders(t, 4, 5, 1)
	})
}

func TestLargeSetsAreLoadedInSteps(t *testing.T) {
	onEachServer(t, func(t *testing.T, h placesFixture) {
		owners := series(1, 20_000)
		h.load(t, 20_600, 1, owners...)
		h.wantHolders(t, 20_600, 1, owners...)
		// More shoppers than one script takes: every one gets an answer, in order.
		want := strings.Repeat("R", 600) + strings.Repeat("F", 100)
		if got := h.reserve(t, series(30_000, 700)...); got != want {
			t.Fatalf("got %s", got)
		}
		if n := len(h.left(t)); n != 2 {
			t.Fatalf("%d keys of the sale, want the holders and the limit only: %v", n, h.left(t))
		}
		if err := h.Release(t.Context(), key, owners); err != nil {
			t.Fatal(err)
		}
		h.wantHolders(t, 20_600, 1, series(30_000, 600)...)
	})
}

func TestLoadedSetsDoNotExpireUntilRetired(t *testing.T) {
	onEachServer(t, func(t *testing.T, h placesFixture) {
		h.load(t, 1, 1, 5)
		for _, part := range []string{"holders", "limit"} {
			if ttl, _ := h.do(t, "TTL", h.name(part)).AsInt64(); ttl != -1 {
				t.Errorf("%s expire in %d s", part, ttl)
			}
		}
		if err := h.Retire(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"holders", "limit"} {
			if ttl, _ := h.do(t, "TTL", h.name(part)).AsInt64(); ttl < 3500 || ttl > 3600 {
				t.Errorf("retired %s expire in %d s, want an hour", part, ttl)
			}
		}
		h.wantHolders(t, 1, 1, 5) // still readable
	})
}

// A key with another kind of value is refused before anything is written. Loading replaces it and logs an error.
func TestKeysOfTheWrongType(t *testing.T) {
	onEachServer(t, func(t *testing.T, h placesFixture) {
		for name, command := range map[string][]string{
			"holders are a string": {"SET", h.name("holders"), "x"},
			"limit is a list":      {"RPUSH", h.name("limit"), "x"},
			"limit is no number":   {"HSET", h.name("limit"), "limit", "many", "version", "1"},
		} {
			h.do(t, "DEL", h.name("holders"), h.name("limit"))
			h.load(t, 5, 1, 7)
			if part := command[1]; command[0] != "HSET" {
				h.do(t, "DEL", part)
			}
			h.do(t, command...)
			alarms := h.alarms(t)

			if _, err := h.Reserve(t.Context(), key, []int64{1}); !errors.Is(err, inventory.ErrWrongType) {
				t.Fatalf("%s: reserve said %v, want ErrWrongType", name, err)
			}
			if _, err := h.Count(t.Context(), key); !errors.Is(err, inventory.ErrWrongType) {
				t.Fatalf("%s: count said %v, want ErrWrongType", name, err)
			}
			if !h.Available() {
				t.Fatalf("%s: taken for a server that is away", name)
			}
			h.load(t, 5, 2, 7)
			h.wantHolders(t, 5, 2, 7)
			if got := h.alarms(t); got != alarms+1 {
				t.Fatalf("%s: %v alarms, want one more than %v", name, got, alarms)
			}
			if !strings.Contains(h.log.String(), "level=ERROR") {
				t.Fatalf("%s: no error in the log: %s", name, h.log)
			}
		}
	})
}

// When processes load the same set at once, some with older versions of the ledger, the newest version remains.
func TestConcurrentLoadsEndWithTheNewest(t *testing.T) {
	onEachServer(t, func(t *testing.T, h placesFixture) {
		const loads = 10
		var wg sync.WaitGroup
		for version := range int64(loads) {
			wg.Go(func() {
				if _, err := h.Load(context.Background(), key, 100+version, version, series(1, version)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		h.wantHolders(t, 100+loads-1, loads-1, series(1, loads-1)...)
		if left := h.left(t); len(left) != 2 {
			t.Fatalf("keys left over: %v", left)
		}
	})
}
