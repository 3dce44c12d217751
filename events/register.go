package events

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Register registers a metric and returns it. When the same metric is registered twice in one process, the second
// caller gets the collector of the first. A nil Registerer registers nothing. Two metrics of one name that differ are a
// mistake in the program, which no input can cause: Register panics.
func Register[C prometheus.Collector](r prometheus.Registerer, c C) C {
	if r == nil {
		return c
	}
	err := r.Register(c)
	var known prometheus.AlreadyRegisteredError
	switch {
	case err == nil:
		return c
	case !errors.As(err, &known):
		panic(err)
	}
	if existing, ok := known.ExistingCollector.(C); ok {
		return existing
	}
	return c
}
