package limits

import (
	"context"
	"testing"
	"time"

	"flashsale/app/embedded/embeddedtest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
