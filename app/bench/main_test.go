package bench

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// The tests of StartProcess start the test binary itself.
func TestMain(m *testing.M) {
	switch os.Getenv("BENCH_TEST_PROCESS") {
	case "noop":
		if err := ServeNoop(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	case "broken":
		fmt.Fprintln(os.Stderr, "no luck today")
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}
