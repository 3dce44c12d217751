// Package resilience is tests only: the product as separate processes, faults injected from outside, and shoppers who
// remember every answer they got.
package resilience

import (
	"testing"

	"flashsale/app/embedded/embeddedtest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }
