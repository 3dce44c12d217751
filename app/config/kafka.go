package config

import (
	"crypto/tls"
	"regexp"
	"strings"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

var saslPattern = regexp.MustCompile(`^(plain|scram-sha-256|scram-sha-512):[^:]+:.+$`)

func validSASL(v string) bool {
	if !saslPattern.MatchString(v) {
		return false
	}
	_, err := KafkaSASL(v)
	return err == nil
}

// KafkaTLS is nil for plain connections.
func KafkaTLS(on bool) *tls.Config {
	if !on {
		return nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS12}
}

// KafkaSASL reads mechanism:user:password, whose form From has checked.
func KafkaSASL(value string) (sasl.Mechanism, error) {
	if value == "" {
		return nil, nil //nolint:nilnil // no mechanism is what kafka-go takes for "no SASL"
	}
	parts := strings.SplitN(value, ":", 3)
	switch parts[0] {
	case "scram-sha-256":
		return scram.Mechanism(scram.SHA256, parts[1], parts[2])
	case "scram-sha-512":
		return scram.Mechanism(scram.SHA512, parts[1], parts[2])
	default:
		return plain.Mechanism{Username: parts[1], Password: parts[2]}, nil
	}
}
