package checkout

import (
	"bytes"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashsale/events"
	"flashsale/sale"
)

// A newer version that runs beside this one may decline for reasons that this one does not know.
func TestAnUnknownReasonIsAnsweredAndLoggedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSimulatedServers(t, 2)
		s.log.pauseConsumer() // another process decides
		var logged bytes.Buffer
		p := s.process(t, func(d *Deps) { d.Logger = slog.New(slog.NewTextHandler(&logged, nil)) })
		for _, name := range []string{"anna", "ben"} {
			user := s.accounts.shopper(name)
			c := events.Claim{ID: sale.ClaimID(p.catalog.find("").Secret, 1, user.ID, 1), SaleID: flashSale, Generation: 1, UserID: user.ID}
			answers := make(chan sale.Answer, 1)
			go func() { answers <- p.press(name) }()
			time.Sleep(time.Millisecond)
			p.receiveText([]byte(`{"verdicts":[{"claim":"` + c.ID.String() + `","sale":1,"generation":1,"user":` + strconv.FormatInt(user.ID, 10) +
				`,"attempt":1,"outcome":"declined","reason":"moon-phase","at":"` + time.Now().UTC().Format(time.RFC3339Nano) + `","fresh":true}]}`))
			expect(t, <-answers, sale.Refused, events.ReasonOther)
		}
		if n := strings.Count(logged.String(), "does not know"); n != 1 {
			t.Errorf("logged %d times: %s", n, logged.String())
		}
	})
}
