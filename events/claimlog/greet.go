package claimlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// greetTime bounds the greeting of one broker.
const greetTime = 3 * time.Second

// greet connects to one broker after the other until one answers. The library's own connections hide why they fail: wrong
// credentials look like a broker that is away.
func (l *Log) greet(ctx context.Context) error {
	var errs []error
	for _, address := range l.cfg.Brokers {
		err := l.greetBroker(ctx, address)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (l *Log) greetBroker(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, greetTime)
	defer cancel()
	conn, err := l.Dialer().DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	if _, err := conn.Brokers(); err != nil {
		return fmt.Errorf("ask for the brokers: %w", err)
	}
	return nil
}

// Refusal says in words why a cluster that answers cannot be used; "" when err does not say so.
func Refusal(err error) string {
	switch {
	case errors.Is(err, kafka.SASLAuthenticationFailed):
		return "refuses this user with this password"
	case errors.Is(err, kafka.UnsupportedSASLMechanism):
		return "does not take this kind of credentials (plain, scram-sha-256 or scram-sha-512)"
	case errors.Is(err, kafka.IllegalSASLState):
		return "takes no credentials on this port"
	case errors.Is(err, kafka.TopicAuthorizationFailed), errors.Is(err, kafka.ClusterAuthorizationFailed),
		errors.Is(err, kafka.GroupAuthorizationFailed):
		return "does not allow this user to use or make the topics of this namespace"
	}
	return ""
}
