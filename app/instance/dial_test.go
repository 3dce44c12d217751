package instance

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// A start waits for a server that is not up yet, and for none that answers and refuses.
func TestOnlySilenceIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		err   error
		times int
	}{
		"a wrong password":   {&pgconn.PgError{Code: "28P01"}, 1},
		"no such database":   {&pgconn.PgError{Code: "3D000"}, 1},
		"too old":            {&versionError{"14.9", oldestPostgres}, 1},
		"starting":           {&pgconn.PgError{Code: "57P03"}, 2},
		"no connection left": {&pgconn.PgError{Code: "53300"}, 2},
		"nobody listens":     {syscall.ECONNREFUSED, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			asked := 0
			_, err := patiently(ctx, func() (struct{}, error) {
				if asked++; asked == 2 {
					cancel() // the operator stops the start, and need not wait for the rest of its patience
				}
				return struct{}{}, one.err
			})
			if asked != one.times || !errors.Is(err, one.err) {
				t.Errorf("asked %d times, want %d (%v)", asked, one.times, err)
			}
		})
	}
}

// An old Redis quotes the command that it does not know, with the password in it.
func TestWhatARedisQuotesIsNotShown(t *testing.T) {
	t.Parallel()
	for answer, answers := range map[string]bool{
		"ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `default`, `hunter2`": false,
		"WRONGPASS invalid username-password pair or user is disabled.":                            true,
		"NOAUTH HELLO must be called with the client already authenticated":                        true,
		"ERR invalid password":                         true,
		"ERR Client sent AUTH, but no password is set": true,
		"ERR AUTH <password> called without any password configured for the default user. Are you?": true,
		"ERR This instance has cluster support disabled":                                            true,
		"ERR DB index is out of range":                                                              true,
		"DB index is out of range":                                                                  true,
		"DENIED Redis is running in protected mode because":                                         true,
		"LOADING Redis is loading the dataset in memory":                                            false,
	} {
		why, got := redisRefusal(answer)
		if got != answers || why == "" || strings.Contains(why, "hunter2") {
			t.Errorf("%q: %q, answers %v", answer, why, got)
		}
	}
}
