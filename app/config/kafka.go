package config

import (
	"crypto/tls"
	"errors"
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
	if len(parts) < 3 {
		return nil, errNoSASL
	}
	algorithm := scram.SHA256
	switch parts[0] {
	case "scram-sha-256":
	case "scram-sha-512":
		algorithm = scram.SHA512
	default:
		return plain.Mechanism{Username: parts[1], Password: parts[2]}, nil
	}
	mechanism, err := scram.Mechanism(algorithm, parts[1], parts[2])
	if err != nil {
		return nil, errNoSASL
	}
	return mechanism, nil
}

// errNoSASL stands for the library's error, which quotes user and password.
var errNoSASL = errors.New("KAFKA_SASL is not understood")
