package config

import (
	"errors"
	"regexp"
	"time"
)

// Times of the connections. app/timebudget.md says which has to be shorter than which.
const (
	// redisDialTime bounds a connection attempt to Redis. redisWriteTime is after how long a silent connection counts
	// as dead.
	redisDialTime  = 500 * time.Millisecond
	redisWriteTime = time.Second
	// databaseDialTime bounds a connection attempt to PostgreSQL. forgottenTime is how long a transaction may be idle
	// before PostgreSQL ends it.
	databaseDialTime = 2 * time.Second
	forgottenTime    = 6 * time.Second
)

// strictTime is RFC 3339 with a point before fractions and an offset below a day. Go's parser takes a comma and +24:00, also by
// UnmarshalText. app/web/request has the same for bodies, and a test of app compares them.
var strictTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// ParseTime reads an RFC 3339 time, strictly. The result is in UTC and in whole microseconds, which is what Postgres keeps: two
// times that differ here differ there.
func ParseTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || !strictTime.MatchString(text) {
		return time.Time{}, errors.New("no RFC 3339 time")
	}
	return t.UTC().Truncate(time.Microsecond), nil
}
