package config

import "time"

// Times of the connections. app/timebudget.md says which has to be shorter than which.
const (
	// RedisDialTime bounds a connection to Redis, RedisWriteTime is how long a silent one is believed to be alive.
	RedisDialTime  = 500 * time.Millisecond
	RedisWriteTime = time.Second
	// DatabaseDialTime bounds a connection to PostgreSQL, ForgottenTime is after what PostgreSQL itself ends a transaction
	// that nobody goes on with.
	DatabaseDialTime = 2 * time.Second
	ForgottenTime    = 6 * time.Second
)
