package claimlog

import (
	"context"
	"errors"
	"fmt"
	"net"
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
	conn, err := closing(ctx, l.Dialer()).DialContext(ctx, "tcp", address)
	if err != nil {
		return errors.Join(ctx.Err(), fmt.Errorf("connect: %w", err))
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Brokers(); err != nil {
		return errors.Join(ctx.Err(), fmt.Errorf("ask for the brokers: %w", err))
	}
	return nil
}

// closing closes the dialer's connections when ctx ends. The library waits for ever for the answer to credentials, and takes back a
// deadline that was set on the connection.
func closing(ctx context.Context, d *kafka.Dialer) *kafka.Dialer {
	dial := d.DialFunc
	d.DialFunc = func(dialing context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(dialing, network, address)
		if err == nil {
			context.AfterFunc(ctx, func() { _ = conn.Close() })
		}
		return conn, err
	}
	return d
}

// Code is what a broker has answered, in the protocol's words; "" when err is not from a broker.
func Code(err error) string {
	var code kafka.Error
	if !errors.As(err, &code) {
		return ""
	}
	return code.Title()
}

// Refusal says in words why a cluster that answers cannot be used; "" when err does not say so.
func Refusal(err error) string {
	var right *rightError
	switch {
	case errors.As(err, &right):
		return right.Error()
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
