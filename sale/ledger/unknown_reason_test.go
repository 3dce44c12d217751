package ledger

import (
	"testing"

	"github.com/google/uuid"

	"flashsale/events"
)

// Versions run side by side: the newer one may decline for reasons that this one has no words for.
func TestADeclineOfANewerVersionIsReadFromTheLedger(t *testing.T) {
	t.Parallel()
	s := newRealStock(t, 1)
	c := s.claim(1, 11, 1)
	s.exec(`INSERT INTO declines (claim_id, sale_id, generation, user_id, username, attempt, reason, decided_at)
VALUES ($1, $2, 1, 11, 'anna', 1, 'moon-phase', now())`, c.ID, s.id)
	if v := s.decideOne(c); v.Outcome != events.Declined || v.Reason != events.ReasonOther || v.NextAttempt != 2 {
		t.Errorf("the claim again: %+v", v)
	}
	found, err := s.Verdicts(t.Context(), []uuid.UUID{c.ID})
	s.must(err)
	if len(found) != 1 || found[0].Reason != events.ReasonOther {
		t.Errorf("looked up: %+v", found)
	}
}
