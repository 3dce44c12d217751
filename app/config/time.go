package config

import "time"

// Times of the connections. app/timebudget.md says which has to be shorter than which.
const (
	// RedisDialTime bounds a connection attempt to Redis. RedisWriteTime is after how long a silent connection counts
	// as dead.
	RedisDialTime  = 500 * time.Millisecond
	RedisWriteTime = time.Second
	// DatabaseDialTime bounds a connection attempt to PostgreSQL. ForgottenTime is how long a transaction may be idle
	// before PostgreSQL ends it.
	DatabaseDialTime = 2 * time.Second
	ForgottenTime    = 6 * time.Second
)
