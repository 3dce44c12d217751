package limits

import (
	"errors"
	"testing"
	"time"

	"flashsale/app/embedded/embeddedtest"
)

// The desk is told which limits attempts at an account have met, and when; of names that nobody has nothing is kept.
func TestItIsKeptWhichLimitsAnAccountHasMet(t *testing.T) {
	t.Parallel()
	l, ctx := newLimits(t, embeddedtest.Namespace(t)), testContext(t)
	before := time.Now().Add(-time.Second)
	if met, err := l.Met(ctx, 7); err != nil || len(met) != 0 {
		t.Errorf("before any attempt: %v %v", met, err)
	}
	passes(t, l, 12, SecondFactor, AccountKey(7), NetworkKey("192.0.2.7"))
	passes(t, l, 12, SignIn, NameKey("nobody"), NetworkKey("192.0.2.7"))
	passes(t, l, 3, SignIn, AccountKey(8), NetworkKey("192.0.2.9"))
	l.Note(7, Purchase, ByAccount)
	runs(t, l)
	met, err := l.Met(ctx, 7)
	if err != nil || len(met) != 2 {
		t.Fatalf("%v %v", met, err)
	}
	found := map[Policy]By{}
	for _, m := range met {
		found[m.Policy] = m.By
		if m.At.Before(before) || m.At.After(time.Now().Add(time.Second)) {
			t.Errorf("%s was met at %s", m.Policy, m.At)
		}
	}
	if found[SecondFactor] != ByAccountNetwork || found[Purchase] != ByAccount {
		t.Errorf("met %v", met)
	}
	if met, err := l.Met(ctx, 8); err != nil || len(met) != 0 {
		t.Errorf("who met none has met %v %v", met, err)
	}
}

// Without Redis nobody knows, which is not the same as none.
func TestWithoutRedisNobodyKnowsWhichLimitsWereMet(t *testing.T) {
	t.Parallel()
	l := New(nil, Config{Namespace: "x"})
	l.Note(7, Purchase, ByAccount)
	if met, err := l.Met(t.Context(), 7); !errors.Is(err, ErrNotKnown) || met != nil {
		t.Errorf("%v %v", met, err)
	}
}
