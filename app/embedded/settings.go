package embedded

import "flashsale/app/embedded/sockets"

// Dial connects to an embedded server. Network and address are those of a client that knows nothing of it, and are
// ignored.
type Dial = sockets.Dial

// InProcess is shown for people as the address of a server that only this process can reach.
const InProcess = "in process"

// Settings is what clients need to reach the servers. Fields of servers that were not asked for are empty.
type Settings struct {
	// DatabaseURL contains the password and belongs in no log.
	DatabaseURL string
	// RedisURL contains a password as well.
	RedisURL string
	// RedisEmbedded is set for miniredis, whose clients must neither track keys nor speak RESP3.
	RedisEmbedded bool
	// RedisDial and KafkaDial connect clients to embedded servers; nil: by address.
	RedisDial, KafkaDial Dial
	KafkaBrokers         []string
	// KafkaID is the identity of the log: random, made with its directory, and lost with it.
	KafkaID string
	// RedisSocket and KafkaSocket are the Unix sockets for other processes of the same user.
	RedisSocket, KafkaSocket string
	// Services describes each started server for people.
	Services []Service
}

// Service is one embedded server as shown to people.
type Service struct {
	Name, Version, Address string
	// Dir is where its data lies; empty when it keeps none.
	Dir string
}

// Borrowed are the settings with which another process reaches the Redis and the Kafka that have sockets.
func (s Settings) Borrowed() Settings {
	s.RedisDial, s.KafkaDial = sockets.Dialer(s.RedisSocket), sockets.Dialer(s.KafkaSocket)
	s.Services = nil
	return s
}
