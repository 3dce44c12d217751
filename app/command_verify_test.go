package app

import (
	"testing"

	"flashsale/app/operator"
)

func TestVerifyFailsForWhatIsBrokenOnly(t *testing.T) {
	t.Parallel()
	for state, broken := range map[string]bool{operator.OK: false, operator.Unknown: false, operator.Broken: true} {
		if got := anyBroken([]operator.Check{{State: operator.OK}, {State: state}, {State: operator.OK}}); got != broken {
			t.Errorf("with one that is %s the command fails: %v", state, got)
		}
	}
}
