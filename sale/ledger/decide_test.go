package ledger

import (
	"maps"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"flashsale/events"
	"flashsale/sale"
	"flashsale/sale/saletest"
)

// stateWith is the state of a ledger that has one sale, in that state and with so many units left.
func stateWith(state sale.State, left int64) *BatchState {
	return &BatchState{
		Source:   events.FromLog,
		Now:      saletest.Noon(),
		Sales:    map[int64]SaleState{saletest.Key().Sale: saleWith(saletest.Key().Generation, state)},
		Levels:   map[sale.Key]sale.Level{saletest.Key(): {Sale: saletest.Key().Sale, Generation: saletest.Key().Generation, Total: 10 + left, Taken: 10}},
		Verdicts: map[uuid.UUID]*events.Verdict{},
		Owners:   map[sale.ShopperKey]uuid.UUID{},
	}
}

// saleWith is the state of a sale whose secret is saletest.Secret; its closing is the fifth version.
func saleWith(generation int64, state sale.State) SaleState {
	ids := sale.NewIDs(saletest.Secret())
	return SaleState{Generation: generation, State: state, Version: 6, IDs: ids, CloseID: ids.Close(generation, 5),
		StartsAt: saletest.Noon().Add(-time.Hour), EndsAt: saletest.Noon().Add(time.Hour)}
}

func closeOf(k sale.Key, version int64) events.Claim {
	return events.Claim{Kind: events.KindClose, ID: sale.CloseID(saletest.Secret(), k.Generation, version), SaleID: k.Sale, Generation: k.Generation, Closing: version}
}

func TestTheStateOfTheSaleGivesTheReason(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state  sale.State
		source events.Source
		want   events.Reason // reason of the decline; "" means ordered
	}{
		"open":                  {sale.Open, events.FromLog, ""},
		"open, direct":          {sale.Open, events.Direct, ""},
		"draft":                 {sale.Draft, events.FromLog, events.ReasonNotStarted},
		"scheduled":             {sale.Scheduled, events.FromLog, events.ReasonNotStarted},
		"paused":                {sale.Paused, events.FromLog, events.ReasonPaused},
		"closed":                {sale.Closed, events.FromLog, events.ReasonEnded},
		"closing, from the log": {sale.Closing, events.FromLog, ""},
		"closing, direct":       {sale.Closing, events.Direct, events.ReasonEnded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stateWith(c.state, 5)
			s.Source = c.source
			v := s.Decide([]events.Claim{saletest.Claim(saletest.Key(), 1, 1)}).Verdicts[0]
			if c.want == "" && (v.Outcome != events.Ordered || !v.Fresh) || c.want != "" && (v.Outcome != events.Declined || v.Reason != c.want) {
				t.Errorf("verdict %+v, want reason %q", v, c.want)
			}
		})
	}
}

// The sale lasts from 11 to 1 o'clock. A claim counts by the time of its press, whenever it is decided.
func TestThePressHasToLieWithinTheTimesOfTheGeneration(t *testing.T) {
	t.Parallel()
	const ends = time.Hour
	for name, c := range map[string]struct {
		state   sale.State
		source  events.Source
		press   time.Duration // after noon
		decided time.Duration
		want    events.Reason // "" means ordered
	}{
		"at the start":                                       {sale.Open, events.FromLog, -time.Hour, 0, ""},
		"before the start":                                   {sale.Open, events.FromLog, -time.Hour - 1, 0, events.ReasonNotStarted},
		"before the start, direct":                           {sale.Open, events.Direct, -time.Hour - 1, 0, events.ReasonNotStarted},
		"just before the end":                                {sale.Open, events.FromLog, ends - 1, ends, ""},
		"just before the end, direct":                        {sale.Open, events.Direct, ends - 1, ends, ""},
		"at the end":                                         {sale.Open, events.FromLog, ends, ends + time.Second, events.ReasonEnded},
		"at the end, direct":                                 {sale.Open, events.Direct, ends, ends + time.Second, events.ReasonEnded},
		"before the end, decided 3 s after it":               {sale.Open, events.FromLog, ends - 1, ends + 3*time.Second, ""},
		"before the end, decided before the close record":    {sale.Closing, events.FromLog, ends - 1, ends + 3*time.Second, ""},
		"after the end, decided before the close record":     {sale.Closing, events.FromLog, ends + 1, ends + 3*time.Second, events.ReasonEnded},
		"before the end, direct, after closing began":        {sale.Closing, events.Direct, ends - 1, ends + 3*time.Second, events.ReasonEnded},
		"before the end, decided after the close record":     {sale.Closed, events.FromLog, ends - 1, ends + 3*time.Second, events.ReasonEnded},
		"within the times of a sale that is paused":          {sale.Paused, events.FromLog, 0, 0, events.ReasonPaused},
		"after the end of a closing sale":                    {sale.Closing, events.FromLog, ends, ends, events.ReasonEnded},
		"after the end by a clock that is ahead of Postgres": {sale.Open, events.FromLog, ends, ends - 1, events.ReasonEnded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stateWith(c.state, 1)
			s.Source, s.Now = c.source, saletest.Noon().Add(c.decided)
			claim := saletest.Claim(saletest.Key(), 1, 1)
			claim.PressedAt = saletest.Noon().Add(c.press)
			if v := s.Decide([]events.Claim{claim}).Verdicts[0]; v.Reason != c.want || (v.Outcome == events.Ordered) != (c.want == "") {
				t.Errorf("verdict %+v, want reason %q", v, c.want)
			}
		})
	}
}

// An operator moves the end while a claim waits: what counts is the end at the decision.
func TestThePressIsJudgedByTheTimesAtTheDecision(t *testing.T) {
	t.Parallel()
	for ends, want := range map[time.Duration]events.Reason{time.Minute: "", -time.Minute: events.ReasonEnded} {
		s := stateWith(sale.Open, 1)
		of := s.Sales[saletest.Key().Sale]
		of.EndsAt = saletest.Noon().Add(ends)
		s.Sales[saletest.Key().Sale] = of
		if v := s.Decide([]events.Claim{saletest.Claim(saletest.Key(), 1, 1)}).Verdicts[0]; v.Reason != want {
			t.Errorf("with the end %s after the press: %+v", ends, v)
		}
	}
}

func TestAnOwnerGetsTheOrderWheneverThePressWas(t *testing.T) {
	t.Parallel()
	s := stateWith(sale.Open, 1)
	late := saletest.Claim(saletest.Key(), 1, 2)
	late.PressedAt = saletest.Noon().AddDate(1, 0, 0)
	made := s.Decide([]events.Claim{saletest.Claim(saletest.Key(), 1, 1), late})
	if v := made.Verdicts[1]; v.Reason != events.ReasonAlreadyOwns || v.OrderID != made.Verdicts[0].ClaimID {
		t.Errorf("verdict %+v", v)
	}
}

func TestWhatAnOrderKeepsAsTheTimeOfItsPress(t *testing.T) {
	t.Parallel()
	decided := saletest.Noon()
	for name, c := range map[string]struct {
		version     int
		press, want time.Time
	}{
		"the press":                 {2, decided.Add(-time.Second), decided.Add(-time.Second)},
		"in microseconds":           {2, decided.Add(-999), decided.Add(-1000)},
		"never after the decision":  {2, decided.Add(time.Millisecond), decided},
		"not known":                 {2, time.Time{}, time.Time{}},
		"of the version before":     {1, decided.Add(-time.Second), time.Time{}},
		"of the version before too": {1, decided.AddDate(3, 0, 0), time.Time{}},
	} {
		claim := saletest.Claim(saletest.Key(), 1, 1)
		claim.V, claim.PressedAt = c.version, c.press
		v := stateWith(sale.Open, 1).Decide([]events.Claim{claim}).Verdicts[0]
		if v.Outcome != events.Ordered || !v.PressedAt.Equal(c.want) || !v.At.Equal(decided) {
			t.Errorf("%s: %+v, want %s", name, v, c.want)
		}
	}
}

func TestClaimsBeforeTheCloseRecordAreOrderedAndLaterOnesDeclined(t *testing.T) {
	t.Parallel()
	made := stateWith(sale.Closing, 5).Decide([]events.Claim{saletest.Claim(saletest.Key(), 1, 1), closeOf(saletest.Key(), 5), saletest.Claim(saletest.Key(), 2, 1)})
	if made.Verdicts[0].Outcome != events.Ordered {
		t.Error("a claim before the close record was declined")
	}
	if made.Verdicts[1] != nil || len(made.Closed) != 1 || made.Closed[0] != saletest.Key() {
		t.Errorf("close record: verdict %v, closed %v", made.Verdicts[1], made.Closed)
	}
	if v := made.Verdicts[2]; v.Outcome != events.Declined || v.Reason != events.ReasonEnded {
		t.Errorf("a claim after the close record got %+v", v)
	}
}

func TestACloseRecordOfAnotherClosingIsIgnored(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state  sale.State
		record events.Claim
	}{
		"an earlier closing":    {sale.Closing, closeOf(saletest.Key(), 4)},
		"an earlier generation": {sale.Closing, closeOf(sale.Key{Sale: saletest.Key().Sale, Generation: 1}, 5)},
		"a sale opened again":   {sale.Open, closeOf(saletest.Key(), 5)},
		"an unknown sale":       {sale.Closing, closeOf(sale.Key{Sale: 99, Generation: 2}, 5)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made := stateWith(c.state, 5).Decide([]events.Claim{c.record, saletest.Claim(saletest.Key(), 1, 1)})
			if len(made.Closed) != 0 || made.Verdicts[1].Outcome != events.Ordered {
				t.Errorf("closed %v, next claim %+v", made.Closed, made.Verdicts[1])
			}
		})
	}
}

func TestARepeatInTheBatchSharesItsVerdict(t *testing.T) {
	t.Parallel()
	c := saletest.Claim(saletest.Key(), 1, 1)
	made := stateWith(sale.Open, 5).Decide([]events.Claim{c, c, c})
	if made.Verdicts[0] != made.Verdicts[1] || made.Verdicts[1] != made.Verdicts[2] || len(made.Ordered) != 1 {
		t.Errorf("%d orders for one claim", len(made.Ordered))
	}
}

func TestTheOtherClaimOfAnOwnerIsDeclinedWithTheOrder(t *testing.T) {
	t.Parallel()
	for _, state := range []sale.State{sale.Open, sale.Paused, sale.Closed} {
		s := stateWith(state, 5)
		order := sale.ClaimID(saletest.Secret(), 2, 1, 1)
		s.Owners[sale.ShopperKey{Key: saletest.Key(), User: 1}] = order
		v := s.Decide([]events.Claim{saletest.Claim(saletest.Key(), 1, 2)}).Verdicts[0]
		if v.Reason != events.ReasonAlreadyOwns || v.OrderID != order {
			t.Errorf("%s: %+v", state, v)
		}
	}
}

func TestClaimsOfAnotherGenerationAreDeclined(t *testing.T) {
	t.Parallel()
	old := sale.Key{Sale: saletest.Key().Sale, Generation: 1}
	s := stateWith(sale.Open, 5)
	s.Levels[old] = sale.Level{Sale: 7, Generation: 1, Total: 100}
	s.Owners[sale.ShopperKey{Key: old, User: 1}] = uuid.New()
	made := s.Decide([]events.Claim{saletest.Claim(old, 1, 2), saletest.Claim(old, 2, 1)})
	for i, want := range []events.Reason{events.ReasonGenerationChanged, events.ReasonGenerationChanged} {
		if got := made.Verdicts[i].Reason; got != want {
			t.Errorf("claim %d declined as %q, want %q", i, got, want)
		}
	}
}

func TestAnOldVerdictIsNotChanged(t *testing.T) {
	t.Parallel()
	s := stateWith(sale.Open, 5)
	c := saletest.Claim(saletest.Key(), 1, 1)
	old := &events.Verdict{ClaimID: c.ID, Outcome: events.Declined, Reason: events.ReasonPaused, NextAttempt: 2}
	s.Verdicts[c.ID] = old
	made := s.Decide([]events.Claim{c, saletest.Claim(saletest.Key(), 1, 2)})
	if made.Verdicts[0] != old || made.Verdicts[0].Fresh {
		t.Errorf("the old verdict became %+v", made.Verdicts[0])
	}
	if v := made.Verdicts[1]; v.Outcome != events.Ordered || v.Attempt != 2 {
		t.Errorf("the next attempt got %+v", v)
	}
}

// Random batches are decided by Decide and by a ledger that is simple and slow: for each claim it reads all verdicts before it.
func TestRandomBatchesGetTheVerdictsOfASlowLedger(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		states := []sale.State{sale.Draft, sale.Scheduled, sale.Open, sale.Open, sale.Open, sale.Paused, sale.Closing, sale.Closing, sale.Closed}
		s := stateWith(rapid.SampledFrom(states).Draw(t, "state"), rapid.Int64Range(0, 4).Draw(t, "left"))
		slow := slowLedger{state: s.Sales[saletest.Key().Sale].State, left: s.Levels[saletest.Key()].Total - s.Levels[saletest.Key()].Taken}
		for range rapid.IntRange(1, 4).Draw(t, "batches") {
			s.Source = rapid.SampledFrom([]events.Source{events.FromLog, events.Direct}).Draw(t, "source")
			batch := rapid.SliceOfN(rapid.Custom(anyRecord), 0, 8).Draw(t, "batch")
			before := len(slow.decided)
			want := slow.decide(s.Source, batch)
			made := s.Decide(batch)
			for i, v := range made.Verdicts {
				if got := textOf(v); got != want[i] {
					t.Fatalf("record %d: %s, want %s", i, got, want[i])
				}
			}
			if fresh := len(made.Ordered) + len(made.Declined); fresh != len(slow.decided)-before {
				t.Fatalf("%d new verdicts, want %d", fresh, len(slow.decided)-before)
			}
			if got := s.Levels[saletest.Key()]; got.Total-got.Taken != slow.left {
				t.Fatalf("%d units left, want %d", got.Total-got.Taken, slow.left)
			}
		}
	})
}

func anyRecord(t *rapid.T) events.Claim {
	k := rapid.SampledFrom([]sale.Key{saletest.Key(), saletest.Key(), saletest.Key(), saletest.Key(), {Sale: saletest.Key().Sale, Generation: 1}}).Draw(t, "key")
	if rapid.IntRange(0, 9).Draw(t, "close") == 0 {
		return closeOf(k, rapid.SampledFrom([]int64{4, 5}).Draw(t, "closing"))
	}
	return saletest.Claim(k, rapid.Int64Range(1, 5).Draw(t, "user"), rapid.IntRange(1, 2).Draw(t, "attempt"))
}

type slowLedger struct {
	state   sale.State
	left    int64
	decided []slowVerdict
}

type slowVerdict struct {
	claim events.Claim
	text  string
}

func (o *slowLedger) decide(src events.Source, batch []events.Claim) []string {
	texts := make([]string, len(batch))
	for i, c := range batch {
		if c.Kind == events.KindClose {
			if c.ID == sale.CloseID(saletest.Secret(), 2, 5) && c.Generation == 2 && o.state == sale.Closing {
				o.state = sale.Closed
			}
			continue
		}
		texts[i] = o.verdict(src, c)
	}
	return texts
}

func (o *slowLedger) verdict(src events.Source, c events.Claim) string {
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
	case o.state == sale.Draft, o.state == sale.Scheduled:
		text = "not-started"
	case o.state == sale.Paused:
		text = "paused"
	case o.state == sale.Closed, o.state == sale.Closing && src == events.Direct:
		text = "ended"
	case o.left == 0:
		text = "sold-out"
	default:
		o.left--
	}
	o.decided = append(o.decided, slowVerdict{c, text})
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

func TestNeedsCountsTheOrdersOfEachSale(t *testing.T) {
	t.Parallel()
	s := stateWith(sale.Open, 5)
	other := sale.Key{Sale: 8, Generation: 1}
	s.Sales[8] = saleWith(1, sale.Open)
	s.Levels[other] = sale.Level{Sale: 8, Generation: 1, Total: 1}
	made := s.Decide([]events.Claim{saletest.Claim(saletest.Key(), 1, 1), saletest.Claim(other, 1, 1), saletest.Claim(saletest.Key(), 2, 1), saletest.Claim(other, 2, 1)})
	if got, want := made.Needs(), map[sale.Key]int64{saletest.Key(): 2, other: 1}; !maps.Equal(got, want) {
		t.Errorf("needs %v, want %v", got, want)
	}
}
