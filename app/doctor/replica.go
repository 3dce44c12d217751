package doctor

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flashsale/app/config"
	"flashsale/app/instance"
	"flashsale/app/replica"
	"flashsale/events/cluster"
)

// examineReplica compares the replica with the primary. What keeps it from answering lists is no fault, because the primary answers them
// then; what somebody has to set otherwise is one.
func (d *Doctor) examineReplica(ctx context.Context) {
	if d.cfg.ReplicaURL == "" || d.pool == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	place := config.Place(d.cfg.ReplicaURL)
	primary, err := cluster.Look(ctx, d.pool)
	if err != nil {
		d.warn("%-11s %s cannot be compared with the primary: the primary does not tell its heartbeats", "replica", place)
		return
	}
	began, seen, err := d.lookAtReplica(ctx)
	why, answers := "", false
	if err != nil {
		why, answers = instance.Refusal(err)
	}
	switch unused := replica.Judge(primary, seen, err); {
	case unused != nil && errors.Is(unused, replica.OtherError{}), answers && unused.Reason == replica.Away:
		if !answers {
			why = unused.Error()
		}
		d.say(false, "%-11s %s answers, but %s; correct DATABASE_REPLICA_URL", "replica", place, why)
	case unused != nil && unused.Reason == replica.Away:
		d.warn("%-11s %s does not answer (%s); lists are read from the primary", "replica", place, why)
	case unused != nil:
		d.warn("%-11s %s: %s; lists are read from the primary", "replica", place, unused.Error())
	case !seen.Beat.Before(primary.Beat):
		d.say(true, "%-11s %s, round trip %s, not behind", "replica", place, time.Since(began).Round(10*time.Microsecond))
	case primary.Now.Sub(seen.Beat) > replica.MaxAge:
		d.warn("%-11s %s is %s behind; lists are read from the primary while that is more than %s", "replica", place,
			primary.Now.Sub(seen.Beat).Round(time.Second), replica.MaxAge)
	default:
		d.say(true, "%-11s %s, round trip %s, at most %s behind", "replica", place, time.Since(began).Round(10*time.Microsecond),
			primary.Now.Sub(seen.Beat).Round(10*time.Millisecond))
	}
}

// lookAtReplica connects first, so that the time since began is one round trip.
func (d *Doctor) lookAtReplica(ctx context.Context) (began time.Time, seen cluster.Sight, err error) {
	at, err := config.ReplicaConfig(d.cfg.ReplicaURL, d.cfg.Namespace, 1, patience)
	if err != nil {
		return began, seen, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, at)
	if err != nil {
		return began, seen, err
	}
	defer pool.Close()
	if err := pool.Ping(ctx); err != nil {
		return began, seen, err
	}
	began = time.Now()
	seen, err = cluster.Look(ctx, pool)
	return began, seen, err
}
