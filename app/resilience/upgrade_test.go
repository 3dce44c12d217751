//go:build unix

package resilience

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	upgradeInstances = 3
	upgradeShoppers  = 1000
	upgradeStock     = 800
	// comingRate is how many shoppers a second come for the first time; those who were there press again.
	comingRate = 40
	// comingFirst come before the upgrade begins, and perStage while one instance is away, so that each absence has its buyers.
	comingFirst, perStage = 150, 190
	watcherCount          = 400
	// drainDelay is more than the default of a second, because the balancer's checks are late on a busy machine. A version that does
	// not know it takes that second.
	drainDelay = "DRAIN_DELAY=2s"
)

// TestRollingUpgrade replaces the instances of the version before by this version, one after the other, in the order that
// app/balancers/README.md gives, while 1,000 shoppers come through a balancer: none of their presses fails. Then one of this version
// is restarted in the same way, and the streams that it ends come back over the time that it has told them.
func TestRollingUpgrade(t *testing.T) {
	previous := theVersionBefore(t)
	r := &report{id: "V2", fault: "none: the version before is replaced by this one, one instance after the other", instances: 1}
	recorded(t, "sell", r, func(t *testing.T, r *report) { upgraded(t, r, previous, build(t)) })
}

// upgrade is a sale whose instances are replaced one after the other.
type upgrade struct {
	*versions
	front    *balancer
	watchers *watchers
	visits   *visits
}

func upgraded(t *testing.T, r *report, programs ...string) {
	u := &upgrade{versions: &versions{programs: [2]string(programs), seen: [2]seenOf{{acts: map[string]int{}}, {acts: map[string]int{}}}}}
	s := plain(t)
	s.first = func(t *testing.T, env ...string) *process { return u.start(t, before, freePort(t), env...) }
	s.env = []string{drainDelay}
	u.mix = &mix{world: newWorld(t, r, s, upgradeStock, 1)}
	u.names, u.shopperCount = sharedName, upgradeShoppers
	for range upgradeInstances - 1 {
		u.instances = append(u.instances, u.start(t, before, freePort(t), append(u.environment(), drainDelay)...))
	}
	r.instances = upgradeInstances
	u.perform(before, "seed", "/api/users/seed", fmt.Sprintf(`{"userCount":%d}`, sharedLength*upgradeShoppers))
	u.front = newBalancer(t, u.instances)
	u.watchers = newWatchers(t, u.front.url, watcherCount)
	u.visits = u.visit(comingFirst)
	u.eventually(versionsPatience, "the version before sells", func() bool { return u.sold() >= comingFirst/2 })
	u.migrate()
	for i := range u.instances {
		u.replace(i, perStage)
	}
	restarted := u.watchers.on(0)
	u.replace(0, perStage)
	u.visits.allow(upgradeShoppers)
	u.eventually(versionsPatience, "every stream is open again", func() bool { return u.watchers.open() == watcherCount })
	u.visits.end()
	u.spread(u.watchers.ended(0, restarted))
	u.soldOnce()
}

// theVersionBefore is its program; the test is skipped where there is none.
func theVersionBefore(t *testing.T) string {
	t.Helper()
	if os.Getenv("FLASHSALE_TEST_REAL") != "1" {
		t.Skip("two versions need real servers: FLASHSALE_TEST_REAL=1")
	}
	previous := os.Getenv("FLASHSALE_PREVIOUS")
	if previous == "" {
		t.Skip("the program of the version before is not here: `.ci/run versions` builds it and sets FLASHSALE_PREVIOUS")
	}
	return previous
}

func (u *upgrade) sold() int { return len(u.shoppers.promised()) }

// migrate brings the schema up to date by the new program, while the version before sells.
func (u *upgrade) migrate() {
	u.t.Helper()
	known := u.number("SELECT max(version_id) FROM goose_db_version")
	ctx, cancel := context.WithTimeout(context.Background(), versionsPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, u.programs[after], "migrate", "up")
	cmd.Dir = u.t.TempDir()
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "DEMO=true", "HOST=127.0.0.1"}, u.environment()...)
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		u.t.Fatalf("migrate up of %s: %v\n%s", versionName(after), err, out)
	}
	took, sold := time.Since(began), u.sold()
	u.visits.allow(20)
	u.eventually(versionsPatience, "the version before sells on the present schema", func() bool { return u.sold() >= sold+10 })
	u.report.note("schema %d, then %d, by `migrate up` in %v", known, u.number("SELECT max(version_id) FROM goose_db_version"), took.Round(time.Millisecond))
}

// replace stops an instance and starts this version in its place, which takes requests when its readiness says so.
func (u *upgrade) replace(i int, coming int64) {
	u.t.Helper()
	sold, began := u.sold(), time.Now()
	u.visits.allow(coming)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := u.instances[i].stop(ctx); err != nil {
		u.t.Errorf("instance %d ends with %v", i, err)
	}
	stopped := time.Since(began)
	u.instances[i] = u.start(u.t, after, u.instances[i].port, append(u.environment(), drainDelay)...)
	u.eventually(versionsPatience, "the balancer finds the instance again", func() bool { return u.front.offers(i) })
	bought := u.sold() - sold
	if bought == 0 {
		u.t.Errorf("nobody bought while instance %d was away; the test proves nothing", i)
	}
	u.report.hits++
	u.report.note("instance %d: ended after %v, back after %v, %d units sold meanwhile", i, stopped.Round(time.Millisecond), time.Since(began).Round(time.Millisecond), bought)
}

// soldOnce checks that no press failed, that exactly the stock is sold, each unit to another shopper, and that both versions find
// every receipt.
func (u *upgrade) soldOnce() {
	u.t.Helper()
	u.report.statuses, u.report.pressed = u.shoppers.tally(), u.shoppers.answered.Load()
	u.t.Logf("%v; the balancer asked another instance in place of one that was gone: %d times", u.report.statuses, u.front.elsewhere.Load())
	u.report.note("slowest answer %v; no connection, so another instance was asked: %d times", u.shoppers.slowestSoFar().Round(time.Millisecond), u.front.elsewhere.Load())
	for _, failure := range u.front.failures() {
		u.t.Errorf("the balancer has no answer: %s", failure)
	}
	u.assertOutcomes()
	if n := len(u.shoppers.promised()); n != upgradeStock {
		u.t.Errorf("%d shoppers have a receipt for %d units", n, upgradeStock)
	}
	if left := u.visits.unanswered.Load(); left != 0 {
		u.t.Errorf("%d shoppers have no final answer", left)
	}
	u.settled(time.Now(), versionsPatience)
	u.assertInPostgres()
	if sold := u.number("SELECT count(DISTINCT (user_id, unit)) FROM orders WHERE released_at IS NULL"); sold != upgradeStock {
		u.t.Errorf("%d orders of different shoppers and units for %d units", sold, upgradeStock)
	}
	u.verified()
	for i := range u.programs {
		if said, err := u.verifyCommand(i); err != nil {
			u.t.Errorf("verify of %s: %v\n%s", versionName(i), err, said)
		}
	}
	old := u.start(u.t, before, freePort(u.t), u.environment()...) // as after an upgrade that is taken back
	for i, url := range []string{old.url, u.instances[0].url} {
		if lost := u.lost(url); len(lost) > 0 {
			u.t.Errorf("%s does not find %d receipts, such as %s", versionName(i), len(lost), lost[0])
		}
	}
	u.tellMisunderstood(u.t.Errorf)
}

// lost are those whose receipt an instance does not show.
func (u *upgrade) lost(url string) (names []string) {
	for name, receipt := range u.shoppers.promised() {
		a := u.shoppers.send(context.Background(), http.MethodGet, url+"/api/flash-sale/purchase/"+name, "")
		if a.Status != http.StatusOK || !strings.Contains(a.Raw, `"`+receipt+`"`) {
			names = append(names, fmt.Sprintf("%s of %s: %d %s", receipt, name, a.Status, a.Raw))
		}
	}
	return names
}

// visits are the shoppers: each comes once, presses until the answer is final, and then looks again by a press now and then.
type visits struct {
	u          *upgrade
	allowed    atomic.Int64
	unanswered atomic.Int64
	ending     chan struct{}
	ended      sync.Once
	wg         sync.WaitGroup
}

// visit lets shoppers come, as many as are allowed.
func (u *upgrade) visit(allowed int64) *visits {
	v := &visits{u: u, ending: make(chan struct{})}
	v.allowed.Store(allowed)
	v.unanswered.Store(upgradeShoppers)
	v.wg.Go(func() {
		for n := int64(1); n <= upgradeShoppers; {
			time.Sleep(time.Second / comingRate)
			if n > v.allowed.Load() {
				if v.over() {
					return
				}
				continue
			}
			name := u.name(int(n))
			v.wg.Go(func() { v.shopper(name) })
			n++
		}
	})
	u.t.Cleanup(v.stop)
	return v
}

// allow lets so many more come.
func (v *visits) allow(more int64) { v.allowed.Add(more) }

func (v *visits) over() bool {
	select {
	case <-v.ending:
		return true
	default:
		return false
	}
}

func (v *visits) stop() {
	v.ended.Do(func() { close(v.ending) })
	v.wg.Wait()
}

// end waits until everybody has come and has a final answer, for a limited time, and returns when nobody presses any more.
func (v *visits) end() {
	for deadline := time.Now().Add(versionsPatience); v.unanswered.Load() > 0 && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		continue
	}
	v.stop()
}

func (v *visits) shopper(name string) {
	final := false
	for {
		outcome := v.u.shoppers.press(context.Background(), v.u.front.url, name).outcome()
		if !final && (outcome == "200" || outcome == "201" || outcome == "409 sold-out") {
			final = true
			v.unanswered.Add(-1)
		}
		pause := 300 * time.Millisecond
		if final {
			pause = 5*time.Second + rand.N(10*time.Second)
		}
		select {
		case <-v.ending:
			return
		case <-time.After(pause):
		}
	}
}
