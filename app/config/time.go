package config

import "time"

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
