package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"flashsale/events"
)

const (
	// joinTimeout is how long joining the group may take before it is begun anew.
	joinTimeout = 30 * time.Second
	// leaveTimeout bounds leaving a group whose coordinator does not answer.
	leaveTimeout = 4 * time.Second
	// commitEvery is how often offsets are committed to the group; only lag tools read them.
	commitEvery = time.Second
)

// Run follows the partitions that the consumer group assigns to this process, until ctx ends. When the log or Postgres is away, it
// waits. When Run returns, batches under way are finished, offsets are committed and the group has been left.
func (l *Ledger) Run(ctx context.Context) error {
	var watching sync.WaitGroup
	stalled := make(chan struct{}, 1)
	watching.Go(func() { l.watch(ctx, stalled) })
	defer watching.Wait()
	var wait events.Backoff
	for ctx.Err() == nil {
		began := time.Now()
		err := l.session(ctx, stalled)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > joinTimeout {
			wait.Reset()
		}
		l.unjoined.Failed(events.Sole, err, "group", l.log.Group())
		_ = wait.Pause(ctx)
	}
	return nil
}

// session is one membership in the group.
func (l *Ledger) session(ctx context.Context, stalled <-chan struct{}) error {
	group, err := kafka.NewConsumerGroup(l.groupConfig())
	if err != nil {
		return fmt.Errorf("consumer group: %w", err)
	}
	defer leave(group)
	for {
		gen, err := l.next(ctx, group)
		if err != nil {
			return err
		}
		l.unjoined.Recovered(events.Sole)
		ended := make(chan struct{})
		gen.Start(func(genCtx context.Context) {
			defer close(ended)
			l.generation(ctx, genCtx, gen)
		})
		select {
		case <-ended:
		case <-ctx.Done():
			return ctx.Err()
		case <-stalled:
			return errors.New("a partition lags and does not move")
		}
	}
}

func (l *Ledger) groupConfig() kafka.ConsumerGroupConfig {
	return kafka.ConsumerGroupConfig{
		ID:                l.log.Group(),
		Brokers:           l.log.Brokers(),
		Topics:            []string{l.log.ClaimsTopic()},
		Dialer:            l.log.Dialer(),
		HeartbeatInterval: signEvery,
		SessionTimeout:    sessionTime,
		RebalanceTimeout:  rebalanceTime,
		JoinGroupBackoff:  300 * time.Millisecond,
		Timeout:           3 * time.Second,
		ErrorLogger: kafka.LoggerFunc(func(format string, args ...any) {
			l.logger.Debug("consumer group", "event", fmt.Sprintf(format, args...))
		}),
	}
}

// next waits for the group's next assignment. The group itself retries errors of joining; next ends a join that gets no
// answer.
func (l *Ledger) next(ctx context.Context, group *kafka.ConsumerGroup) (*kafka.Generation, error) {
	waiting, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	for {
		gen, err := group.Next(waiting)
		if err == nil {
			return gen, nil
		}
		if waiting.Err() != nil || errors.Is(err, kafka.ErrGroupClosed) {
			return nil, fmt.Errorf("join group %s: %w", l.log.Group(), err)
		}
		l.logger.Debug("joining the consumer group failed; trying again", "group", l.log.Group(), "error", err)
	}
}

// leave closes the group, which waits for the generation's work. A join that hangs ends by its own timeouts.
func leave(group *kafka.ConsumerGroup) {
	left := make(chan struct{})
	go func() {
		defer close(left)
		_ = group.Close()
	}()
	timer := time.NewTimer(leaveTimeout)
	defer timer.Stop()
	select {
	case <-left:
	case <-timer.C:
	}
}

// generation follows the assigned partitions until the group rebalances or run ends.
func (l *Ledger) generation(run, genCtx context.Context, gen *kafka.Generation) {
	ctx, cancel := context.WithCancel(run)
	defer cancel()
	defer context.AfterFunc(genCtx, cancel)()
	// gofail: var groupJoined struct{}
	passed := &groupOffsets{topic: l.log.ClaimsTopic(), next: make(map[int]int64), logger: l.logger}
	var following sync.WaitGroup
	for _, a := range gen.Assignments[l.log.ClaimsTopic()] {
		f := &follower{ledger: l, partition: a.ID, passed: passed.set}
		following.Go(func() { f.run(ctx) })
	}
	ticker := time.NewTicker(commitEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticker.C:
			passed.commit(gen)
		}
	}
	following.Wait()
	passed.commit(gen)
}

// groupOffsets collects the offsets that are committed to the group. Safe for concurrent use.
type groupOffsets struct {
	topic  string
	logger *slog.Logger
	mu     sync.Mutex
	next   map[int]int64
}

func (o *groupOffsets) set(partition int, next int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.next[partition] = next
}

func (o *groupOffsets) commit(gen *kafka.Generation) {
	o.mu.Lock()
	fresh := maps.Clone(o.next)
	clear(o.next)
	o.mu.Unlock()
	if len(fresh) == 0 {
		return
	}
	// gofail: var offsetsDue struct{}
	if err := gen.CommitOffsets(map[string]map[int]int64{o.topic: fresh}); err != nil {
		// The cursor is in Postgres; the next commit brings the tools up to date.
		o.logger.Debug("offsets not committed to the group", "error", err)
	}
	// gofail: var offsetsCommitted struct{}
}

// own notes that this process follows a partition; the returned function takes it back.
func (l *Ledger) own(partition int) func() {
	l.setStopped(partition, false)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.owned, partition)
	}
}

func (l *Ledger) setStopped(partition int, stopped bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owned[partition] = !stopped
}
