package stress

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"golang.org/x/sync/errgroup"
)

// MaxRate is the largest rate of arrivals, in shoppers a second.
const MaxRate = 1_000_000

var errArrivals = errors.New("arrivals not possible")

// schedule says when shoppers come who come at a rate, whatever the server does: an open loop. When a server stalls for
// a second, all who came in that second have waited: response times are measured from when a shopper was due, not from
// when a connection was free for the request. A closed loop sends fewer requests meanwhile and so hides the stall
// (coordinated omission).
type schedule struct {
	rate float64       // arrivals a second, once the ramp is over
	ramp time.Duration // in which the rate grows evenly from nothing
}

// due is when the n-th shopper, from 0, comes, counted from the start of the scenario.
func (s schedule) due(n int) time.Duration {
	ramp := s.ramp.Seconds()
	during := s.rate * ramp / 2 // how many come during the ramp
	seconds := ramp + (float64(n)-during)/s.rate
	if float64(n) < during {
		seconds = math.Sqrt(2 * float64(n) * ramp / s.rate)
	}
	return time.Duration(seconds * float64(time.Second))
}

func (cfg *Config) checkArrivals() error {
	switch {
	case cfg.OpenLoop < 0 || cfg.OpenLoop > MaxRate || math.IsNaN(cfg.OpenLoop):
		return fmt.Errorf("%w: the rate must be 1 to %d shoppers a second", errArrivals, MaxRate)
	case cfg.Ramp < 0 || cfg.Ramp > time.Hour:
		return fmt.Errorf("%w: the ramp must be at most an hour", errArrivals)
	case cfg.Ramp > 0 && cfg.OpenLoop == 0:
		return fmt.Errorf("%w: a ramp needs a rate to grow to (--open-loop)", errArrivals)
	case cfg.Streams < 0 || cfg.Streams > MaxStreams:
		return fmt.Errorf("streams must be 0 to %d", MaxStreams)
	}
	return nil
}

// atRate makes each shopper press when due. When too many are under way already, or this machine is too slow, some
// start late; that is counted in their response times and reported beside them.
func (r *run) atRate(ctx context.Context) error {
	plan := schedule{r.cfg.OpenLoop, r.cfg.Ramp}
	r.bar.begin(r.scenario.Name+": buying at a rate", len(r.shoppers))
	defer r.bar.end()
	group, acting := errgroup.WithContext(ctx)
	group.SetLimit(awake)
	began := time.Now()
	for n, s := range r.shoppers {
		s.due = began.Add(plan.due(n))
		if err := pause(acting, time.Until(s.due)); err != nil {
			break
		}
		group.Go(func() error {
			defer r.bar.step()
			r.tally.started(time.Since(s.due))
			err := r.buy(acting, s)
			r.tally.settled(time.Since(s.due))
			s.due = time.Time{}
			return err
		})
	}
	arriving := time.Since(began)
	err := errors.Join(group.Wait(), ctx.Err())
	r.arrivals = &Arrivals{Rate: r.cfg.OpenLoop, Ramp: milliseconds(r.cfg.Ramp), Achieved: float64(len(r.shoppers)) / arriving.Seconds(),
		Planned: float64(len(r.shoppers)) / max(plan.due(len(r.shoppers)).Seconds(), 1e-9)}
	return err
}

// Arrivals are the figures of an open loop. Durations are in milliseconds, counted from when a shopper was due.
type Arrivals struct {
	// Rate was asked for, after a Ramp; Planned is the mean over the run that follows from both, and Achieved what this
	// machine could do. When Achieved is lower, the server got fewer requests than asked for.
	Rate     float64 `json:"ratePerSecond"`
	Ramp     float64 `json:"rampMs"`
	Planned  float64 `json:"plannedPerSecond"`
	Achieved float64 `json:"achievedPerSecond"`
	// Late is how late first presses were made, Answer when they were answered, Settled when the shopper had a
	// final answer, after whatever retries it took.
	Late    Spread `json:"startedLateMs"`
	Answer  Spread `json:"arrivalToAnswerMs"`
	Settled Spread `json:"arrivalToFinalAnswerMs"`
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
