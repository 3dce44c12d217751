package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"

	kafkago "github.com/segmentio/kafka-go"
)

// parentVariable turns the test binary into a program with a stack in the directory it names.
const parentVariable = "FLASHSALE_TEST_PARENT"

// note is what that program says about itself.
type note struct {
	Postgres int
	Data     string
	Sockets  []string
}

// runParent starts everything, commits, says so, and behaves like a program that is told to stop: on an
// interrupt it finishes its work, for which it needs the database, and then closes.
func runParent(dir string) int {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := Start(ctx, Options{Dir: dir, Postgres: true, Redis: true, Kafka: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	log := &kafkago.Client{Addr: kafkago.TCP(s.Settings().KafkaBrokers...), Transport: &kafkago.Transport{Dial: s.Settings().KafkaDial}}
	err = errors.Join(commitRow(ctx, s.Settings().DatabaseURL, "before"), produce(ctx, log, "a", "b"), moveGroup(ctx, log, 1))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	data := s.postgres.cluster.data
	pid, _ := postmaster(data)
	_ = json.NewEncoder(os.Stdout).Encode(note{pid, data, []string{s.sockets.Path(), s.postgres.sockets.Path()}})
	select {
	case <-interrupts:
	case <-ctx.Done():
	}
	if err := s.postgres.ask(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "the database is gone before the program:", err)
		return 1
	}
	if err := s.Close(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
