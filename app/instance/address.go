package instance

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"flashsale/app/config"
	"flashsale/app/embedded"
)

// DatabaseAddress is where Postgres is, for people: without user and password.
func DatabaseAddress(s embedded.Settings) string {
	u, err := url.Parse(s.DatabaseURL)
	if err == nil && u.Host == "" && filepath.IsAbs(u.Query().Get("host")) {
		return "socket in " + u.Query().Get("host")
	}
	return BareURL(s.DatabaseURL)
}

// RedisAddress is where Redis is, for people.
func RedisAddress(s embedded.Settings) string {
	if s.RedisDial != nil {
		return reach(s.RedisSocket, s)
	}
	return BareURL(s.RedisURL)
}

// KafkaAddress is where Kafka is, for people.
func KafkaAddress(s embedded.Settings) string {
	if s.KafkaDial != nil {
		return reach(s.KafkaSocket, s)
	}
	return strings.Join(s.KafkaBrokers, ",")
}

// reach says how this process reaches an embedded server that has no port: one that it has not started is another's.
func reach(socket string, s embedded.Settings) string {
	if len(s.Services) > 0 || socket == "" {
		return embedded.InProcess
	}
	return "in the running instance, by " + socket
}

// BareURL is the host and port of an address, without user and password.
func BareURL(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return config.HideSecrets(address)
	}
	return fmt.Sprintf("%s%s", u.Host, strings.TrimSuffix(u.Path, "/"))
}
