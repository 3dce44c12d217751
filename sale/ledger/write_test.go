package ledger

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"flashsale/events"
)

func TestVerdictsAreAnnouncedOnce(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	before := d.PostedCount()
	won, lost := d.claim(1, 1), d.claim(2, 1)
	won.Username, won.Traceparent, lost.Traceparent = "Zoë", "00-won-01", "00-lost-01"
	made := d.decide(won, lost)
	messages := d.Posted(before)
	if len(messages) != 3 {
		t.Fatalf("%d messages: %+v", len(messages), messages)
	}
	confirmed, declined, stock := messages[0], messages[1], messages[2]
	if confirmed.Type != events.TypeOrderConfirmed || confirmed.Subject != won.ID.String() || confirmed.Sale != d.key.Sale ||
		confirmed.Traceparent != won.Traceparent || confirmed.Data["username"] != "Zoë" || confirmed.Data["unit"] != 1.0 ||
		confirmed.Data["order"] != won.ID.String() || confirmed.Data["at"] == nil {
		t.Errorf("confirmed %+v", confirmed)
	}
	if declined.Type != events.TypeClaimDeclined || declined.Subject != lost.ID.String() ||
		declined.Traceparent != lost.Traceparent || declined.Data["reason"] != string(events.ReasonSoldOut) || declined.Data["user"] != 2.0 {
		t.Errorf("declined %+v", declined)
	}
	if stock.Type != events.TypeStockChanged || stock.Subject != firstSlug || stock.Data["taken"] != 1.0 ||
		stock.Data["version"] != float64(made.Stocks[0].Version) {
		t.Errorf("stock %+v", stock)
	}
	// What was decided before is not announced again.
	d.decide(won, lost)
	if again := d.Posted(before + 3); len(again) != 0 {
		t.Errorf("announced again: %+v", again)
	}
}

func TestADecisionThatIsRolledBackChangesNothing(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	before, level := d.PostedCount(), d.level()
	lost := errors.New("the connection was lost")
	err := d.Try(func(tx pgx.Tx) error {
		made, err := d.DecideTx(t.Context(), tx, events.FromLog, []events.Claim{d.claim(1, 1), d.claim(2, 1)})
		if err != nil || made.Verdicts[0].Outcome != events.Ordered {
			t.Errorf("%+v, %v", made, err)
		}
		return lost
	})
	if !errors.Is(err, lost) {
		t.Fatal(err)
	}
	rows := d.Number(`SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM declines)`)
	if rows != 0 || d.PostedCount() != before || d.level() != level {
		t.Errorf("%d verdicts, %d messages, stock %+v", rows, d.PostedCount()-before, d.level())
	}
	if v := d.decideOne(d.claim(2, 1)); v.Outcome != events.Ordered || !v.Fresh || v.Unit != 1 {
		t.Errorf("the other shopper, after it: %+v", v)
	}
}

func TestADecisionFailsWhenItsMessagesCannotBeWritten(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 1)
	d.Exec(`ALTER TABLE outbox ADD CONSTRAINT refuse CHECK (bundle IS NULL) NOT VALID`)
	err := d.tryDecide(d.claim(1, 1))
	if err == nil || d.Number(`SELECT count(*) FROM orders`) != 0 || d.level().Taken != 0 {
		t.Errorf("%v, stock %+v", err, d.level())
	}
}

// The indexes refuse it to everybody, also to who changes the tables without the ledger.
func TestTheTablesRefuseASecondLiveOrderOfAShopperOrOfAUnit(t *testing.T) {
	t.Parallel()
	d := openLedger(t, 5)
	d.decide(d.claims(1, 2)...)
	for what, set := range map[string]string{"shopper": "user_id = 1, unit = 5", "unit": "user_id = 5, unit = 1"} {
		if _, err := d.Pool.Exec(t.Context(), fmt.Sprintf(`UPDATE orders SET %s WHERE user_id = 2`, set)); err == nil {
			t.Errorf("two live orders of one %s", what)
		}
	}
}
