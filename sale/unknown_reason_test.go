package sale

import (
	"bytes"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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

func TestADeclineOfANewerVersionIsToldAndLoggedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newMemoryServers(t, 2)
		s.log.pause() // another process decides
		var logged bytes.Buffer
		p := s.process(t, func(d *Deps) { d.Logger = slog.New(slog.NewTextHandler(&logged, nil)) })
		for _, name := range []string{"anna", "ben"} {
			user := s.names.shopper(name)
			c := events.Claim{ID: ClaimID(p.catalog.find("").secret, 1, user.ID, 1), SaleID: flashSale, Generation: 1, UserID: user.ID}
			answers := make(chan Answer, 1)
			go func() { answers <- p.press(name) }()
			time.Sleep(time.Millisecond)
			p.hear([]byte(`{"verdicts":[{"claim":"` + c.ID.String() + `","sale":1,"generation":1,"user":` + strconv.FormatInt(user.ID, 10) +
				`,"attempt":1,"outcome":"declined","reason":"moon-phase","at":"` + time.Now().UTC().Format(time.RFC3339Nano) + `","fresh":true}]}`))
			expect(t, <-answers, Refused, events.ReasonOther)
		}
		if n := strings.Count(logged.String(), "does not know"); n != 1 {
			t.Errorf("logged %d times: %s", n, logged.String())
		}
	})
}
