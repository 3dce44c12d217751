package replica

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Reason is why a read was of the primary. README.md has what to do about each.
type Reason string

// The reasons that a look finds, and those of one read.
const (
	Unknown   Reason = "unknown"        // nobody has looked at the replica yet
	Away      Reason = "away"           // it does not answer
	Other     Reason = "other_database" // it is no copy of the primary
	NoStandby Reason = "no_standby"     // it follows no server
	Behind    Reason = "behind"         // it is older than may be

	OwnAct   Reason = "own_act"  // whoever reads has just acted, or nobody knows
	Busy     Reason = "busy"     // as many read the replica as may
	Missing  Reason = "missing"  // the replica has nothing of what was asked for; the primary may
	Conflict Reason = "conflict" // the read was in the way of what the replica replays
	Slow     Reason = "slow"     // it took too long
	Failed   Reason = "error"    // it failed otherwise
)

func reasons() []Reason {
	return []Reason{Unknown, Away, Other, NoStandby, Behind, OwnAct, Busy, Missing, Conflict, Slow, Failed}
}

// Read lets read run against the replica when it may answer somebody, whose name is that of the audit log. It is true when read found
// something, and then age is how old that is at most. When it is false, nothing of what read has found counts, and the caller asks the
// primary: read has said that there is nothing, or has failed, or did not run. Each read is counted, but one whose ctx has ended.
func (r *Replica) Read(ctx context.Context, who string, read func(context.Context) (found bool, err error)) (age time.Duration, ok bool) {
	reason := r.may(ctx, who)
	if reason == "" {
		select {
		case r.reads <- struct{}{}:
			age, reason = r.try(ctx, read)
			<-r.reads
		default:
			reason = Busy
		}
	}
	if ctx.Err() != nil {
		return 0, false
	}
	r.count(reason)
	return age, reason == ""
}

func (r *Replica) may(ctx context.Context, who string) Reason {
	if _, unused := r.state(); unused != nil {
		return unused.Reason
	}
	acted, err := r.cfg.Acted(ctx, who, OwnActs)
	if err != nil || acted {
		return OwnAct
	}
	return ""
}

func (r *Replica) try(ctx context.Context, read func(context.Context) (bool, error)) (time.Duration, Reason) {
	age, unused := r.state()
	if unused != nil {
		return 0, unused.Reason
	}
	began := r.now()
	reading, cancel := context.WithTimeout(ctx, ReadTime)
	defer cancel()
	found, err := read(reading)
	switch {
	case err != nil:
		return 0, r.failure(err)
	case !found:
		return 0, Missing
	}
	return age + r.now().Sub(began), ""
}

// failure is what an error of a read means. A server that could not be reached is not asked again before the next look.
func (r *Replica) failure(err error) Reason {
	var answer *pgconn.PgError
	switch {
	case !errors.As(err, &answer):
		if errors.Is(err, context.DeadlineExceeded) {
			return Slow
		}
		r.suspect(err)
		return Failed
	case answer.Code == "40001", answer.Code == "40P01": // canceling statement due to conflict with recovery
		return Conflict
	case answer.Code == "57014": // statement_timeout
		return Slow
	}
	return Failed
}
