package operator

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/events/consumer"
	"flashsale/inventory"
)

func TestALogThatWasNotReadToItsEndIsUnknown(t *testing.T) {
	t.Parallel()
	whole := consumer.Finding{Partition: 0, End: 9, Cursor: 9, Read: 9, Claims: 9}
	unread := consumer.Finding{Partition: 3, End: 9, Cursor: 7, Read: 4, Claims: 4, Unread: errors.New("not read from 4 on: no records")}
	lost := consumer.Finding{Partition: 5, End: 9, Cursor: 9, Read: 9, Missing: []uuid.UUID{uuid.New()}}
	strangers := consumer.Finding{Partition: 1, End: 9, Cursor: 9, Read: 9, Claims: 9, Foreign: map[events.Foreign]int64{
		events.ForeignLedger: 3, events.ForeignID: 2, events.ForeignUnreadable: 4}}
	for what, c := range map[string]struct {
		findings []consumer.Finding
		state    string
		detail   string
	}{
		"read to the cursor": {[]consumer.Finding{whole}, OK, ""},
		"records left out": {[]consumer.Finding{whole, strangers}, OK,
			"left out: 3 claims of another ledger, of an earlier life; left out: 6 records that no process of this deployment wrote for this ledger"},
		"one partition unread":       {[]consumer.Finding{whole, unread}, Unknown, "partition 3: cursor 7, log 0 to 9, read to 4, 4 claims"},
		"a verdict lost":             {[]consumer.Finding{lost, whole}, Broken, "partition 5"},
		"lost here and unread there": {[]consumer.Finding{unread, lost}, Broken, "partition 5"},
	} {
		if got := logVerdict(c.findings); got.State != c.state || !strings.Contains(got.Detail, c.detail) {
			t.Errorf("%s: %s (%q), want %s and %q", what, got.State, got.Detail, c.state, c.detail)
		}
	}
}

// A busy sale has other differences in every comparison.
func TestOnlyADifferenceThatEveryComparisonFindsStays(t *testing.T) {
	t.Parallel()
	k := inventory.Key{Sale: 1, Generation: 1}
	one, two := difference{key: k, kind: placeWithoutOrder, user: 1}, difference{key: k, kind: placeWithoutOrder, user: 2}
	if stayed := (differences{one: true}).alsoIn(differences{two: true}); len(stayed) != 0 {
		t.Errorf("stayed: %v", stayed)
	}
	if stayed := (differences{one: true, two: true}).alsoIn(differences{two: true}); len(stayed) != 1 || !stayed[two] {
		t.Errorf("stayed: %v", stayed)
	}
}

// The parts of what a check found say in English what its detail says.
func TestACheckSaysTheSameInParts(t *testing.T) {
	t.Parallel()
	c := Check{ID: "I5"}.because(Unknown, stated("not all of the log was read: %s", Sentences{stated("partition %d", 1), stated("partition %d", 2)}), stated("100% read"))
	if want := "not all of the log was read: partition 1; partition 2; 100% read"; c.State != Unknown || c.Detail != want {
		t.Errorf("it says %q, want %q", c.Detail, want)
	}
	if none := check("I1", "units", nil); none.State != OK || none.Detail != "" || none.Said != nil {
		t.Errorf("nothing found: %+v", none)
	}
}
