package sale

import (
	"maps"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"flashsale/events"
)

var (
	testKey = Key{Sale: 7, Generation: 2}
	noon    = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
)

// standingWith is a ledger with one sale in that state and so many units left.
func standingWith(state State, left int64) *ledgerState {
	return &ledgerState{
		source:   events.FromLog,
		now:      noon,
		sales:    map[int64]saleState{testKey.Sale: {generation: testKey.Generation, state: state, closeID: closeID(testSecret, 2, 5)}},
		levels:   map[Key]Level{testKey: {Sale: testKey.Sale, Generation: testKey.Generation, Total: 10 + left, Taken: 10}},
		verdicts: map[uuid.UUID]*events.Verdict{},
		owners:   map[shopperKey]uuid.UUID{},
	}
}

func claimOf(k Key, user int64, attempt int) events.Claim {
	return events.Claim{
		V: events.ClaimVersion, Kind: events.KindClaim, ID: ClaimID(testSecret, k.Generation, user, attempt),
		SaleID: k.Sale, Generation: k.Generation, UserID: user, Username: "shopper", Attempt: attempt, PressedAt: noon,
	}
}

func closeOf(k Key, version int64) events.Claim {
	return events.Claim{Kind: events.KindClose, ID: closeID(testSecret, k.Generation, version), SaleID: k.Sale, Generation: k.Generation}
}

func TestTheStateOfTheSaleDecides(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state  State
		source events.Source
		want   events.Reason // reason of the decline; "" means ordered
	}{
		"open":                   {Open, events.FromLog, ""},
		"open, direct":           {Open, events.Direct, ""},
		"draft":                  {Draft, events.FromLog, events.ReasonNotStarted},
		"scheduled":              {Scheduled, events.FromLog, events.ReasonNotStarted},
		"paused":                 {Paused, events.FromLog, events.ReasonPaused},
		"closed":                 {Closed, events.FromLog, events.ReasonEnded},
		"closing, before CLOSE":  {Closing, events.FromLog, ""},
		"closing, not in a line": {Closing, events.Direct, events.ReasonEnded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := standingWith(c.state, 5)
			s.source = c.source
			v := decide(s, []events.Claim{claimOf(testKey, 1, 1)}).verdicts[0]
			if c.want == "" && (v.Outcome != events.Ordered || !v.Fresh) || c.want != "" && (v.Outcome != events.Declined || v.Reason != c.want) {
				t.Errorf("verdict %+v, want reason %q", v, c.want)
			}
		})
	}
}

func TestTheCloseRecordEndsTheSaleWhereItStands(t *testing.T) {
	t.Parallel()
	made := decide(standingWith(Closing, 5), []events.Claim{claimOf(testKey, 1, 1), closeOf(testKey, 5), claimOf(testKey, 2, 1)})
	if made.verdicts[0].Outcome != events.Ordered {
		t.Error("a claim before the close record was declined")
	}
	if made.verdicts[1] != nil || len(made.closed) != 1 || made.closed[0] != testKey {
		t.Errorf("close record: verdict %v, closed %v", made.verdicts[1], made.closed)
	}
	if v := made.verdicts[2]; v.Outcome != events.Declined || v.Reason != events.ReasonEnded {
		t.Errorf("a claim after the close record got %+v", v)
	}
}

func TestACloseRecordOfAnotherClosingIsNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state  State
		record events.Claim
	}{
		"an earlier closing":    {Closing, closeOf(testKey, 4)},
		"an earlier generation": {Closing, closeOf(Key{testKey.Sale, 1}, 5)},
		"a sale opened again":   {Open, closeOf(testKey, 5)},
		"an unknown sale":       {Closing, closeOf(Key{99, 2}, 5)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made := decide(standingWith(c.state, 5), []events.Claim{c.record, claimOf(testKey, 1, 1)})
			if len(made.closed) != 0 || made.verdicts[1].Outcome != events.Ordered {
				t.Errorf("closed %v, next claim %+v", made.closed, made.verdicts[1])
			}
		})
	}
}

func TestARepeatInTheBatchSharesItsVerdict(t *testing.T) {
	t.Parallel()
	c := claimOf(testKey, 1, 1)
	made := decide(standingWith(Open, 5), []events.Claim{c, c, c})
	if made.verdicts[0] != made.verdicts[1] || made.verdicts[1] != made.verdicts[2] || len(made.ordered) != 1 {
		t.Errorf("%d orders for one claim", len(made.ordered))
	}
}

func TestAnOwnersOtherClaimNamesTheOrder(t *testing.T) {
	t.Parallel()
	// In a paused sale too: one's own order comes before the state.
	for _, state := range []State{Open, Paused, Closed} {
		s := standingWith(state, 5)
		order := ClaimID(testSecret, 2, 1, 1)
		s.owners[shopperKey{testKey, 1}] = order
		v := decide(s, []events.Claim{claimOf(testKey, 1, 2)}).verdicts[0]
		if v.Reason != events.ReasonAlreadyOwns || v.OrderID != order {
			t.Errorf("%s: %+v", state, v)
		}
	}
}

func TestClaimsOfAnotherGenerationAreDeclined(t *testing.T) {
	t.Parallel()
	old := Key{testKey.Sale, 1}
	s := standingWith(Open, 5)
	s.levels[old] = Level{Sale: 7, Generation: 1, Total: 100}
	s.owners[shopperKey{old, 1}] = uuid.New()
	made := decide(s, []events.Claim{claimOf(old, 1, 2), claimOf(old, 2, 1), claimOf(Key{99, 1}, 1, 1)})
	for i, want := range []events.Reason{events.ReasonGenerationChanged, events.ReasonGenerationChanged, events.ReasonUndecidable} {
		if got := made.verdicts[i].Reason; got != want {
			t.Errorf("claim %d declined as %q, want %q", i, got, want)
		}
	}
}

func TestAnOldVerdictStands(t *testing.T) {
	t.Parallel()
	s := standingWith(Open, 5)
	c := claimOf(testKey, 1, 1)
	old := &events.Verdict{ClaimID: c.ID, Outcome: events.Declined, Reason: events.ReasonPaused, NextAttempt: 2}
	s.verdicts[c.ID] = old
	made := decide(s, []events.Claim{c, claimOf(testKey, 1, 2)})
	if made.verdicts[0] != old || made.verdicts[0].Fresh {
		t.Errorf("the old verdict became %+v", made.verdicts[0])
	}
	if v := made.verdicts[1]; v.Outcome != events.Ordered || v.Attempt != 2 {
		t.Errorf("the next attempt got %+v", v)
	}
}

// TestDecideAgreesWithAnObviousLedger throws random batches at the core and at a ledger that is written for the
// reader, not for speed: one claim at a time, looking through everything that was decided.
func TestDecideAgreesWithAnObviousLedger(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		states := []State{Draft, Scheduled, Open, Open, Open, Paused, Closing, Closing, Closed}
		s := standingWith(rapid.SampledFrom(states).Draw(t, "state"), rapid.Int64Range(0, 4).Draw(t, "left"))
		obvious := obviousLedger{state: s.sales[testKey.Sale].state, left: s.levels[testKey].Total - s.levels[testKey].Taken}
		for range rapid.IntRange(1, 4).Draw(t, "batches") {
			s.source = rapid.SampledFrom([]events.Source{events.FromLog, events.Direct}).Draw(t, "source")
			batch := rapid.SliceOfN(rapid.Custom(anyRecord), 0, 8).Draw(t, "batch")
			before := len(obvious.decided)
			want := obvious.decide(s.source, batch)
			made := decide(s, batch)
			for i, v := range made.verdicts {
				if got := textOf(v); got != want[i] {
					t.Fatalf("record %d: %s, want %s", i, got, want[i])
				}
			}
			if fresh := len(made.ordered) + len(made.declined); fresh != len(obvious.decided)-before {
				t.Fatalf("%d new verdicts, want %d", fresh, len(obvious.decided)-before)
			}
			if got := s.levels[testKey]; got.Total-got.Taken != obvious.left {
				t.Fatalf("%d units left, want %d", got.Total-got.Taken, obvious.left)
			}
		}
	})
}

func anyRecord(t *rapid.T) events.Claim {
	k := rapid.SampledFrom([]Key{testKey, testKey, testKey, testKey, {testKey.Sale, 1}}).Draw(t, "key")
	if rapid.IntRange(0, 9).Draw(t, "close") == 0 {
		return closeOf(k, rapid.SampledFrom([]int64{4, 5}).Draw(t, "closing"))
	}
	return claimOf(k, rapid.Int64Range(1, 5).Draw(t, "user"), rapid.IntRange(1, 2).Draw(t, "attempt"))
}

type obviousLedger struct {
	state   State
	left    int64
	decided []obviousVerdict
}

type obviousVerdict struct {
	claim events.Claim
	text  string
}

func (o *obviousLedger) decide(src events.Source, batch []events.Claim) []string {
	texts := make([]string, len(batch))
	for i, c := range batch {
		if c.Kind == events.KindClose {
			if c.ID == closeID(testSecret, 2, 5) && c.Generation == 2 && o.state == Closing {
				o.state = Closed
			}
			continue
		}
		texts[i] = o.verdict(src, c)
	}
	return texts
}

func (o *obviousLedger) verdict(src events.Source, c events.Claim) string {
	owns := false
	for _, d := range o.decided {
		if d.claim.ID == c.ID {
			return d.text
		}
		owns = owns || d.text == "ordered" && d.claim.UserID == c.UserID
	}
	text := "ordered"
	switch {
	case c.Generation != 2:
		text = "generation-changed"
	case owns:
		text = "already-owns"
	case o.state == Draft, o.state == Scheduled:
		text = "not-started"
	case o.state == Paused:
		text = "paused"
	case o.state == Closed, o.state == Closing && src == events.Direct:
		text = "ended"
	case o.left == 0:
		text = "sold-out"
	default:
		o.left--
	}
	o.decided = append(o.decided, obviousVerdict{c, text})
	return text
}

func textOf(v *events.Verdict) string {
	switch {
	case v == nil:
		return ""
	case v.Outcome == events.Ordered:
		return "ordered"
	default:
		return string(v.Reason)
	}
}

func TestTakeCountsByGeneration(t *testing.T) {
	t.Parallel()
	s := standingWith(Open, 5)
	other := Key{8, 1}
	s.sales[8] = saleState{generation: 1, state: Open}
	s.levels[other] = Level{Sale: 8, Generation: 1, Total: 1}
	made := decide(s, []events.Claim{claimOf(testKey, 1, 1), claimOf(other, 1, 1), claimOf(testKey, 2, 1), claimOf(other, 2, 1)})
	if got, want := made.take(), map[Key]int64{testKey: 2, other: 1}; !maps.Equal(got, want) {
		t.Errorf("take %v, want %v", got, want)
	}
}
