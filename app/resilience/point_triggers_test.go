//go:build unix

package resilience

import (
	"context"
	"fmt"
	"strconv"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go"
)

// Acts and faults that bring a process to a point which purchases alone reach rarely or never. Nothing here waits for the
// outcome: the instance that is asked may stop at the point and be killed there.

// delayConsumers delays the claims that are in the log, so that they are decided directly.
func delayConsumers(ctx context.Context, a *killTest, _ int) {
	for _, s := range a.switches {
		_ = s.set(ctx, "claimsFetched", "1*sleep(1200)")
	}
}

// endLease takes the lease away, as another relay does.
func endLease(ctx context.Context, a *killTest, _ int) {
	_, _ = a.pool.Exec(ctx, "UPDATE outbox_relay SET epoch = epoch + 1, holder = '', lease_until = '-infinity'")
}

// spoilRecord writes something into the log that is no claim.
func spoilRecord(ctx context.Context, a *killTest, _ int) {
	client, done := a.kafka()
	defer done()
	_, _ = client.Produce(ctx, &kafka.ProduceRequest{Topic: a.namespace + ".claims", RequiredAcks: kafka.RequireAll,
		Partition: int(a.number("SELECT partition FROM sales ORDER BY id LIMIT 1")),
		Records:   kafka.NewRecordReader(kafka.Record{Key: kafka.NewBytes([]byte("nobody")), Value: kafka.NewBytes([]byte("no claim"))})})
}

// pauseAndResume makes claims that are under way be declined, so that their places are given back.
func pauseAndResume(ctx context.Context, a *killTest, victim int) {
	other := (victim + 1) % killTestInstances
	a.act(ctx, other, "/api/admin/pause", "")
	a.act(ctx, other, "/api/admin/resume", "")
}

func (a *killTest) moreStock(ctx context.Context, instance int) {
	a.act(ctx, instance, "/api/flash-sale/update-stock", fmt.Sprintf(`{"stockAmount":%d}`, a.total()+1))
}

func raiseStock(ctx context.Context, a *killTest, victim int) {
	a.moreStock(ctx, (victim+1)%killTestInstances)
}

func raiseStockThere(ctx context.Context, a *killTest, victim int) { a.moreStock(ctx, victim) }

// resetThere has the victim begin a new generation.
func resetThere(ctx context.Context, a *killTest, victim int) {
	a.act(ctx, victim, "/api/flash-sale/reset", `{"resetToSmallStock":false}`)
}

// closeSale closes the sale; the instance that notices first completes the close.
func closeSale(ctx context.Context, a *killTest, victim int) {
	a.act(ctx, (victim+1)%killTestInstances, "/api/admin/close", "")
}

// askToStop asks for an orderly stop, in which the victim is then killed.
func askToStop(_ context.Context, a *killTest, victim int) {
	_ = a.instances[victim].cmd.Process.Signal(syscall.SIGTERM)
}

// keyPrefix is the prefix of the keys of the present generation.
func (a *killTest) keyPrefix() string {
	k := a.sale()
	return fmt.Sprintf("%s:{%d:%d}:", a.namespace, k.Sale, k.Generation)
}

// losePlaces deletes the sale's keys in Redis.
func losePlaces(ctx context.Context, a *killTest, _ int) {
	_ = a.redis.Do(ctx, a.redis.B().Unlink().Key(a.keyPrefix()+"holders", a.keyPrefix()+"limit").Build()).Error()
}

// spoilPlaces puts something of another type in their place.
func spoilPlaces(ctx context.Context, a *killTest, _ int) {
	_ = a.redis.Do(ctx, a.redis.B().Set().Key(a.keyPrefix()+"holders").Value("no places").Build()).Error()
}

// dropOwners takes a few owners' places away.
func dropOwners(ctx context.Context, a *killTest, _ int) {
	var users []string
	for _, id := range a.owned(5) {
		users = append(users, strconv.FormatInt(id, 10))
	}
	if len(users) > 0 {
		_ = a.redis.Do(ctx, a.redis.B().Hdel().Key(a.keyPrefix()+"holders").Field(users...).Build()).Error()
	}
}

// provokeEvery is the time after which a trigger is tried again.
const provokeEvery = 2500 * time.Millisecond
