package inventory_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"flashsale/inventory"
)

func TestPlacesGoToTheFirstWhileThereIsRoom(t *testing.T) {
	onEachServer(t, func(t *testing.T, h placesFixture) {
		h.load(t, 3, 1)
		h.wantReserve(t, "RR", 10, 11)
		h.wantReserve(t, "HRF", 10, 12, 13)
		h.wantReserve(t, "FHHH", 14, 12, 11, 10)
		h.wantHolders(t, 3, 1, 10, 11, 12)
	})
}

func TestOneShopperTwiceInABatchHasOnePlace(t *testing.T) {
	onEachServer(t, func(t *testing.T, h placesFixture) {
		h.load(t, 2, 1)
		h.wantReserve(t, "RHRHF", 5, 5, 6, 5, 7)
		h.wantHolders(t, 2, 1, 5, 6)
	})
}

func TestReleasedPlacesAreGivenAgain(t *testing.T) {
	onEachServer(t, func(t *testing.T, h placesFixture) {
		h.load(t, 2, 1)
		h.wantReserve(t, "RRF", 1, 2, 3)
		if err := h.Release(t.Context(), key, []int64{1, 99}); err != nil {
			t.Fatal(err)
		}
		h.wantReserve(t, "RF", 3, 1)
	})
}

func TestOwnersHaveTheirPlaces(t *testing.T) {
	onEachServer(t, func(t *testing.T, h placesFixture) {
		h.load(t, 3, 8, 101, 102)
		h.wantReserve(t, "HRF", 101, 1, 2)
		h.wantHolders(t, 3, 8, 1, 101, 102)
	})
}

func TestMoreOwnersThanLimitLeaveNoRoom(t *testing.T) {
	onEachServer(t, func(t *testing.T, h placesFixture) {
		h.load(t, 1, 1, 1, 2, 3)
		h.wantReserve(t, "FH", 9, 3)
	})
}

func TestNothingIsReservedInASetThatIsNotLoaded(t *testing.T) {
	onEachServer(t, func(t *testing.T, h placesFixture) {
		missing := func(when string) {
			t.Helper()
			if _, err := h.Reserve(t.Context(), key, []int64{1}); !errors.Is(err, inventory.ErrMissing) {
				t.Fatalf("reserve %s: %v, want ErrMissing", when, err)
			}
			if _, err := h.Count(t.Context(), key); !errors.Is(err, inventory.ErrMissing) {
				t.Fatalf("count %s: %v, want ErrMissing", when, err)
			}
		}
		missing("before loading")
		if _, err := h.SetLimit(t.Context(), key, 5, 1); !errors.Is(err, inventory.ErrMissing) {
			t.Fatalf("limit of a missing set: %v, want ErrMissing", err)
		}
		if err := h.Release(t.Context(), key, []int64{1}); err != nil {
			t.Fatalf("release in a missing set: %v", err)
		}
		for _, lost := range []string{"holders", "limit"} {
			h.load(t, 5, 1)
			h.do(t, "DEL", h.name(lost))
			missing("without its " + lost)
			h.do(t, "DEL", h.name("holders"), h.name("limit"))
		}
		// Members without the mark are a set that another process has begun: it is not complete.
		h.load(t, 5, 1)
		h.do(t, "HDEL", h.name("holders"), "0")
		h.do(t, "HSET", h.name("holders"), "3", "")
		missing("without its mark")
		if _, _, err := h.Compare(t.Context(), key, nil); !errors.Is(err, inventory.ErrMissing) {
			t.Fatalf("compare without its mark: %v, want ErrMissing", err)
		}
	})
}

func TestEmptySetStaysLoaded(t *testing.T) {
	onEachServer(t, func(t *testing.T, h placesFixture) {
		h.load(t, 1, 1)
		h.wantReserve(t, "R", 1)
		if err := h.Release(t.Context(), key, []int64{1}); err != nil {
			t.Fatal(err)
		}
		h.wantHolders(t, 1, 1)
		h.wantReserve(t, "R", 2)
	})
}

func TestOlderLimitsAreRefused(t *testing.T) {
	onEachServer(t, func(t *testing.T, h placesFixture) {
		h.load(t, 5, 10)
		for _, tc := range []struct {
			limit, version int64
			want           bool
			then           int64
		}{{9, 9, false, 5}, {5, 10, false, 5}, {6, 10, true, 6}, {7, 11, true, 7}, {7, 12, true, 7}, {8, 10, false, 7}} {
			set, err := h.SetLimit(t.Context(), key, tc.limit, tc.version)
			if err != nil || set != tc.want {
				t.Fatalf("limit %d version %d: %v, %v; want %v", tc.limit, tc.version, set, err, tc.want)
			}
			if got, err := h.Count(t.Context(), key); err != nil || got.Limit != tc.then {
				t.Fatalf("limit %d after version %d, want %d (%v)", got.Limit, tc.version, tc.then, err)
			}
		}
	})
}

func TestCompareTellsBothSides(t *testing.T) {
	onEachServer(t, func(t *testing.T, h placesFixture) {
		h.load(t, 10, 1, 1, 2, 3)
		missing, extra, err := h.Compare(t.Context(), key, []int64{5, 3, 4})
		if err != nil || !slices.Equal(missing, []int64{4, 5}) || !slices.Equal(extra, []int64{1, 2}) {
			t.Fatalf("missing %v, extra %v, %v", missing, extra, err)
		}
	})
}

func TestUserIDsBeginAtOne(t *testing.T) {
	t.Parallel()
	h := openPlaces(t, miniClient(t, miniredis.RunT(t).Addr()), "test")
	h.load(t, 5, 1)
	for _, users := range [][]int64{{0}, {1, -1}} {
		if _, err := h.Reserve(t.Context(), key, users); err == nil {
			t.Errorf("reserved for %v", users)
		}
		if err := h.Release(t.Context(), key, users); err == nil {
			t.Errorf("released %v", users)
		}
		if _, err := h.Load(t.Context(), key, 5, 2, users); err == nil {
			t.Errorf("loaded %v", users)
		}
	}
	h.wantHolders(t, 5, 1)
}

// Many shoppers press at once. As many get a place as the limit says.
func TestConcurrentShoppersGetExactlyTheLimit(t *testing.T) {
	onEachServer(t, func(t *testing.T, h placesFixture) {
		const limit, shoppers, presses = 50, 200, 3
		h.load(t, limit, 1)
		var mu sync.Mutex
		count := map[inventory.Place]int{}
		lost := 0
		var wg sync.WaitGroup
		for worker := range int64(20) {
			wg.Go(func() {
				for range presses {
					for user := worker*10 + 1; user <= worker*10+10; user++ {
						place, unknown := h.reservePatiently(t, user)
						mu.Lock()
						count[place]++
						lost += unknown
						mu.Unlock()
					}
				}
			})
		}
		wg.Wait()
		if n := count[inventory.Reserved]; n > limit || n+lost < limit {
			t.Fatalf("%d places given (and %d calls without an answer), want %d", n, lost, limit)
		}
		if n := count[inventory.Reserved] + count[inventory.AlreadyHolder] + count[inventory.Full]; n != shoppers*presses {
			t.Fatalf("%d answers to %d presses", n, shoppers*presses)
		}
	})
}

// reservePatiently asks again while a busy server is slower than a shopper can wait, and counts the calls that got no
// answer: any of them may have reserved.
func (h placesFixture) reservePatiently(t *testing.T, user int64) (place inventory.Place, lost int) {
	for {
		places, err := h.Reserve(context.Background(), key, []int64{user})
		switch {
		case err == nil:
			return places[0], lost
		case !errors.Is(err, inventory.ErrUnavailable) || lost > 1000:
			t.Errorf("reserve: %v", err)
			return inventory.Full, lost
		}
		lost++
		time.Sleep(5 * time.Millisecond)
	}
}

func TestBatchSizesAreObserved(t *testing.T) {
	t.Parallel()
	h := openPlaces(t, miniClient(t, miniredis.RunT(t).Addr()), "test")
	h.load(t, 5, 1)
	h.reserve(t, 1, 2, 3)
	if sum := metric(t, h.registry, "flashsale_reserve_batch_size", ""); sum != 3 {
		t.Fatalf("batches of %v shoppers observed, want 3", sum)
	}
}
