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

// What brings a process to a point where presses alone do not, or rarely. Nothing here waits for the outcome: whoever
// is asked may stand at the point, and be killed there.

// holdConsumers keeps the claims that are in the log waiting, so that they are decided directly.
func holdConsumers(ctx context.Context, a *killTest, _ int) {
	for _, s := range a.switches {
		_ = s.set(ctx, "claimsFetched", "1*sleep(1200)")
	}
}

// endLease does what another relay would that takes the lease.
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

// pauseAndResume has claims declined that are under way, whose places are then given back.
func pauseAndResume(ctx context.Context, a *killTest, victim int) {
	other := (victim + 1) % arenaSize
	a.act(ctx, other, "/api/admin/pause", "")
	a.act(ctx, other, "/api/admin/resume", "")
}

func (a *killTest) moreStock(ctx context.Context, instance int) {
	a.act(ctx, instance, "/api/flash-sale/update-stock", fmt.Sprintf(`{"stockAmount":%d}`, a.total()+1))
}

func raiseStock(ctx context.Context, a *killTest, victim int) { a.moreStock(ctx, (victim+1)%arenaSize) }

func raiseStockThere(ctx context.Context, a *killTest, victim int) { a.moreStock(ctx, victim) }

// resetThere has the victim begin a new generation.
func resetThere(ctx context.Context, a *killTest, victim int) {
	a.act(ctx, victim, "/api/flash-sale/reset", `{"resetToSmallStock":false}`)
}

// closeSale ends the sale, which is seen through by whoever notices first.
func closeSale(ctx context.Context, a *killTest, victim int) {
	a.act(ctx, (victim+1)%arenaSize, "/api/admin/close", "")
}

// askToStop asks for an orderly stop, in which the victim is then killed.
func askToStop(_ context.Context, a *killTest, victim int) {
	_ = a.instances[victim].cmd.Process.Signal(syscall.SIGTERM)
}

// shelf is the prefix of the keys of the present generation.
func (a *killTest) shelf() string {
	k := a.sale()
	return fmt.Sprintf("%s:{%d:%d}:", a.namespace, k.Sale, k.Generation)
}

// losePlaces empties Redis as far as the sale goes.
func losePlaces(ctx context.Context, a *killTest, _ int) {
	_ = a.redis.Do(ctx, a.redis.B().Unlink().Key(a.shelf()+"holders", a.shelf()+"limit").Build()).Error()
}

// spoilPlaces puts something of another type in their place.
func spoilPlaces(ctx context.Context, a *killTest, _ int) {
	_ = a.redis.Do(ctx, a.redis.B().Set().Key(a.shelf()+"holders").Value("no places").Build()).Error()
}

// dropOwners takes a few owners' places away.
func dropOwners(ctx context.Context, a *killTest, _ int) {
	var users []string
	for _, id := range a.owned(5) {
		users = append(users, strconv.FormatInt(id, 10))
	}
	if len(users) > 0 {
		_ = a.redis.Do(ctx, a.redis.B().Hdel().Key(a.shelf()+"holders").Field(users...).Build()).Error()
	}
}

// provokeEvery is how long a provocation is given before it is tried again.
const provokeEvery = 2500 * time.Millisecond
