package events

import (
	"testing"

	"github.com/google/uuid"
)

func TestAVerdictSaysHowItsShopperStands(t *testing.T) {
	t.Parallel()
	order := uuid.MustParse("66666666-7777-8888-9999-aaaaaaaaaaaa")
	for name, c := range map[string]struct {
		verdict Verdict
		want    Standing
	}{
		"a live order":                         {Verdict{Outcome: Ordered, Unit: 1}, OrderStands},
		"a cancelled order":                    {Verdict{Outcome: Ordered, Unit: 1, NextAttempt: 2}, OrderCancelled},
		"a cancelled order, bought again":      {Verdict{Outcome: Ordered, Unit: 1, OrderID: order}, OtherOrderStands},
		"declined":                             {Verdict{Outcome: Declined, Reason: ReasonSoldOut}, NoOrder},
		"declined before":                      {Verdict{Outcome: Declined, Reason: ReasonSoldOut, NextAttempt: 2}, NoOrder},
		"declined before, bought since":        {Verdict{Outcome: Declined, Reason: ReasonSoldOut, OrderID: order}, OtherOrderStands},
		"declined because of an order":         {Verdict{Outcome: Declined, Reason: ReasonAlreadyOwns, OrderID: order}, OtherOrderStands},
		"declined before because of an order":  {Verdict{Outcome: Declined, Reason: ReasonAlreadyOwns, NextAttempt: 2}, OtherOrderStands},
		"nothing was decided (a close record)": {Verdict{}, NoOrder},
	} {
		if got := c.verdict.Standing(); got != c.want {
			t.Errorf("%s: standing %d, want %d", name, got, c.want)
		}
	}
}
