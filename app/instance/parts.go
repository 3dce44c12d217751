package instance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// runner is whatever works for as long as the process lives. Run returns when ctx ends.
type runner interface {
	Run(ctx context.Context) error
}

// stage says when a part begins. Parts end in the reverse order.
type stage int

const (
	// knowing parts come first: they begin with an empty memory, so nobody may ask them before.
	knowing stage = iota
	// serving parts keep a process able to answer.
	serving
	// deciding parts give verdicts and publish them. They start last, and end first, once no request waits for a verdict;
	// the serving parts then still send what the deciding parts had to publish.
	deciding
)

// part is one line of the list.
type part struct {
	name string
	stage
	runner
	// off is true for a part that this instance does without.
	off bool
}

// parts is the list of what runs in a process. Whatever has a Run is added where it is made; an instance starts exactly
// this list and ends it in the reverse order. It belongs to one goroutine.
type parts struct {
	list    []part
	running []*running // in the order of their start
}

// restartPause is the time between the end of a part that ended by itself and its next start.
const restartPause = time.Second

// add puts a part on the list.
func (p *parts) add(name string, s stage, r runner) {
	p.list = append(p.list, part{name: name, stage: s, runner: r})
}

// leaveOut makes an instance do without the parts of these names.
func (p *parts) leaveOut(names ...string) error {
	for _, name := range names {
		i := slices.IndexFunc(p.list, func(one part) bool { return one.name == name })
		if i < 0 {
			return fmt.Errorf("there is no part %q to leave out", name)
		}
		p.list[i].off = true
	}
	return nil
}

// start starts every part up to that stage that does not run yet.
func (p *parts) start(upTo stage, log *slog.Logger) {
	due := slices.Clone(p.list)
	slices.SortStableFunc(due, func(a, b part) int { return cmp.Compare(a.stage, b.stage) })
	for _, one := range due {
		if one.stage <= upTo && !one.off && !p.runs(one.name) {
			p.running = append(p.running, begin(one, log))
		}
	}
}

func (p *parts) runs(name string) bool {
	return slices.ContainsFunc(p.running, func(r *running) bool { return r.name == name })
}

// stop ends the parts of that stage and of later ones, one after the other, the last one first. When ctx ends, those that
// are left are ended together and not waited for. The error names those that had not ended in time.
func (p *parts) stop(ctx context.Context, downTo stage) error {
	var late []string
	for len(p.running) > 0 && p.running[len(p.running)-1].stage >= downTo {
		last := p.running[len(p.running)-1]
		p.running = p.running[:len(p.running)-1]
		if !last.end(ctx) {
			late = append(late, last.name)
		}
	}
	if len(late) > 0 {
		return errors.New("parts that did not end in time: " + strings.Join(late, ", "))
	}
	return nil
}

// running is a part that has been started.
type running struct {
	part
	cancel context.CancelFunc
	ended  chan struct{}
}

// begin runs a part until it is ended. A part that returns before is started again after a pause: a passing fault must not
// stop it for good.
func begin(one part, log *slog.Logger) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{part: one, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		r.repeat(ctx, log)
	}()
	return r
}

func (r *running) repeat(ctx context.Context, log *slog.Logger) {
	for {
		err := r.Run(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("it returned")
		}
		log.Error("a part ended and is started again", "part", r.name, "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(restartPause):
		}
	}
}

// end is true when the part has ended before ctx.
func (r *running) end(ctx context.Context) bool {
	r.cancel()
	select {
	case <-r.ended:
		return true
	default:
	}
	select {
	case <-r.ended:
		return true
	case <-ctx.Done():
		return false
	}
}
