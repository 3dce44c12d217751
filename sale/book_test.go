package sale

import (
	"sync"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func receiptFor(user int64, attempt int) Receipt {
	return Receipt{
		OrderID: ClaimID(testSecret, 2, user, attempt), SaleID: testKey.Sale, Generation: testKey.Generation, UserID: user,
		Username: "shopper", Unit: user * 10, At: noon, Attempt: attempt,
	}
}

func orderFor(user int64, attempt int, revision int64, live bool) order {
	r := receiptFor(user, attempt)
	r.keyed = true
	return order{Receipt: r, revision: revision, live: live}
}

func inBook(b *book, user int64) (Receipt, bool) {
	return b.receipt(testKey, Shopper{ID: user, Username: "shopper"})
}

func TestABookGivesReceiptsAsTheyWere(t *testing.T) {
	t.Parallel()
	var b book
	if _, ok := inBook(&b, 1); ok {
		t.Error("an empty book has a receipt")
	}
	want := receiptFor(1, 2)
	want.pressKey, want.keyed = uuid.New(), true
	b.add([]order{{Receipt: want, revision: 1}})
	if got, ok := inBook(&b, 1); !ok || got != want {
		t.Errorf("receipt %+v, want %+v", got, want)
	}
	if _, ok := inBook(&b, 2); ok {
		t.Error("another shopper has it too")
	}
}

func TestABookIsWholeUpToTheVersionItWasLoadedFor(t *testing.T) {
	t.Parallel()
	var b book
	if b.whole(0) || !b.wanting(1, false) {
		t.Error("a book that was never loaded is whole")
	}
	b.load(nil, 5)
	if !b.whole(5) || b.whole(6) || b.wanting(5, false) || !b.wanting(6, false) {
		t.Error("loaded for version 5")
	}
	b.load(nil, 4)
	if !b.whole(5) {
		t.Error("an older load took something away")
	}
	b.doubt(0)
	if b.whole(5) {
		t.Error("a doubtful book is whole")
	}
}

func TestOnlyABookWithReceiptsIsLoadedWhileTheSaleRuns(t *testing.T) {
	t.Parallel()
	var b book
	b.doubt(0)
	if b.wanting(1, true) {
		t.Error("an empty book is loaded")
	}
	b.add([]order{orderFor(1, 1, 1, true)})
	if !b.wanting(1, true) {
		t.Error("receipts that may be gone are kept")
	}
}

func TestALoadTakesCancelledReceiptsBack(t *testing.T) {
	t.Parallel()
	var b book
	b.load([]order{orderFor(1, 1, 3, true), orderFor(2, 1, 4, true)}, 4)
	if b.loadedTo() != 4 {
		t.Errorf("loaded to %d", b.loadedTo())
	}
	// Shopper 1 was cancelled; shopper 2 was, and bought again. The rows come in no particular order.
	b.load([]order{orderFor(2, 2, 7, true), orderFor(1, 1, 5, false), orderFor(2, 1, 6, false)}, 7)
	if _, ok := inBook(&b, 1); ok {
		t.Error("a cancelled receipt stayed")
	}
	if r, ok := inBook(&b, 2); !ok || r.Attempt != 2 {
		t.Errorf("the second order: %+v, %v", r, ok)
	}
}

func TestALateAnswerIsNotAddedAfterACancellation(t *testing.T) {
	t.Parallel()
	var b book
	changes := b.changes.Load()
	b.doubt(0)
	b.found(receiptFor(1, 1), changes)
	if _, ok := inBook(&b, 1); ok {
		t.Error("a receipt from before was added")
	}
	b.found(receiptFor(1, 1), b.changes.Load())
	if _, ok := inBook(&b, 1); !ok {
		t.Error("a receipt that was looked up is not kept")
	}
}

func TestABookAgreesWithAMap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var b book
		model := map[int64]int{}
		revision := int64(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			user, attempt := rapid.Int64Range(1, 40).Draw(t, "user"), rapid.IntRange(1, 9).Draw(t, "attempt")
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				revision++
				b.add([]order{orderFor(user, attempt, revision, true), orderFor(user+1, attempt, revision, true)})
				model[user], model[user+1] = attempt, attempt
			case 1:
				revision++
				b.load([]order{orderFor(user, attempt, revision, true)}, revision)
				model[user] = attempt
			case 2:
				revision++
				b.load([]order{orderFor(user, attempt, revision, false)}, revision)
				delete(model, user)
			default:
				b.clear()
				clear(model)
			}
			for user := range int64(42) {
				r, ok := inBook(&b, user)
				if want, owns := model[user]; ok != owns || r.Attempt != want {
					t.Fatalf("shopper %d: attempt %d (%v), want %d", user, r.Attempt, ok, want)
				}
			}
		}
		if p := b.pages.Load(); p != nil {
			for i := 1; i < len(*p); i++ {
				if len((*p)[i-1]) < 2*len((*p)[i]) {
					t.Fatalf("page %d has %d receipts under one with %d", i-1, len((*p)[i-1]), len((*p)[i]))
				}
			}
		}
	})
}

func TestABookIsReadWhileItIsWritten(t *testing.T) {
	t.Parallel()
	const users = 2_000
	var b book
	var all sync.WaitGroup
	for part := range int64(4) {
		all.Go(func() {
			for user := part; user < users; user += 4 {
				b.add([]order{orderFor(user, 1, 1, true)})
				if _, ok := inBook(&b, user); !ok {
					t.Errorf("receipt of %d was lost at once", user)
				}
			}
		})
	}
	all.Wait()
	for user := range int64(users) {
		if _, ok := inBook(&b, user); !ok {
			t.Fatalf("receipt of %d was lost", user)
		}
	}
}
