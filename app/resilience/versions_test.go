//go:build unix

package resilience

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	versionsStock    = 400
	versionsShoppers = 900
	versionsRate     = 120 // requests a second
	// versionsPatience is ten times what a group needs to notice that a member was killed.
	versionsPatience = time.Minute
)

// TestTwoVersions runs the version before and the present one side by side on one schema, one log and one Redis, while both
// sell: FLASHSALE_PREVIOUS names the program of the version before, VERSIONS_TIME says for how long. It goes on until each has
// read what the other wrote: claims from the log, bundles of the outbox, rows of operators' acts. It fails when one of them
// finds a record, message or row that it cannot read.
func TestTwoVersions(t *testing.T) {
	previous := theVersionBefore(t)
	long, err := time.ParseDuration(cmp.Or(os.Getenv("VERSIONS_TIME"), "20s"))
	if err != nil {
		t.Fatalf("VERSIONS_TIME: %v", err)
	}
	r := &report{id: "V1", fault: "none: the version before and this one, restarted in turn", instances: 1}
	recorded(t, "sell", r, func(t *testing.T, r *report) { soldByBoth(t, r, long, previous, build(t)) })
}

// before and after are the two versions, as indices of instances and programs.
const (
	before = 0
	after  = 1
)

func versionName(i int) string { return []string{"the version before", "this version"}[i] }

// versions is a sale that two versions serve, an instance of each.
type versions struct {
	*mix
	programs [2]string
	started  [2][]*process // every process of a version, also those that ended
	book     *receiptHistory
	// seen is what must be seen of each version before the test may end.
	seen [2]seenOf
}

// seenOf counts what one version did.
type seenOf struct {
	acts map[string]int
	// decided are claims that the other appended and this one took from the log; relayed are published events whose
	// bundles the other wrote.
	decided, relayed float64
	restarts         int
}

func soldByBoth(t *testing.T, r *report, long time.Duration, programs ...string) {
	v := &versions{programs: [2]string(programs), seen: [2]seenOf{{acts: map[string]int{}}, {acts: map[string]int{}}}}
	t.Cleanup(func() {
		if t.Failed() {
			v.tellMisunderstood(t.Logf)
		}
	})
	s := plain(t)
	s.first = func(t *testing.T, env ...string) *process { return v.start(t, before, freePort(t), env...) }
	v.mix = &mix{world: newWorld(t, r, s, versionsStock, versionsShoppers)}
	v.names = sharedName
	v.perform(before, "seed", "/api/users/seed", fmt.Sprintf(`{"userCount":%d}`, sharedLength*versionsShoppers))
	v.book = newReceiptHistory(v.shoppers, v.watched(t))
	began := time.Now()
	v.join()
	for n := 0; time.Since(began) < long || v.missing() != ""; n++ {
		if time.Since(began) > long+3*time.Minute {
			t.Fatalf("never seen in %v: %s", time.Since(began), v.missing())
		}
		v.round(n)
	}
	v.conclude()
}

// sharedLength is how many accounts of a series there are for each of those that both versions make and let purchase.
const sharedLength = 5

// sharedName is the name of the n-th such account, from 1. The two versions have different series: of ten names, these two are
// in both and may purchase in both.
func sharedName(n int) string {
	return []string{"john_doe", "jane_smith"}[(n-1)%2] + "_" + strconv.Itoa((n-1)/2+1)
}

// start runs one version at a port until it is ready.
func (v *versions) start(t *testing.T, version, port int, env ...string) *process {
	t.Helper()
	p := spawn(t, v.programs[version], port, env...)
	v.started[version] = append(v.started[version], p)
	p.await(t)
	return p
}

// join starts this version beside the other, which sells while the schema is brought up to date.
func (v *versions) join() {
	v.t.Helper()
	l := v.everybody(v.instances[before])
	v.eventually(versionsPatience, "the version before sells", func() bool { return v.shoppers.tally()["201"] > 0 })
	known := v.number("SELECT max(version_id) FROM goose_db_version")
	v.instances = append(v.instances, v.start(v.t, after, freePort(v.t), v.environment()...))
	answered := v.shoppers.answered.Load()
	v.eventually(versionsPatience, "the version before answers on the present schema", func() bool { return v.shoppers.answered.Load() > answered+workers })
	l.stop()
	v.report.instances = 2
	v.report.note("schema %d, then %d", known, v.number("SELECT max(version_id) FROM goose_db_version"))
}

func (v *versions) environment() []string {
	return []string{"DATABASE_URL=" + v.settings.database, "REDIS_URL=" + v.settings.redis, "KAFKA_BROKERS=" + v.settings.kafka, "NAMESPACE=" + v.namespace}
}

// everybody is a load of all shoppers on these instances.
func (v *versions) everybody(targets ...*process) *load {
	v.next = v.shopperCount
	return v.pressing(versionsRate, slices.Clone(targets)...) // a restart replaces one
}

// round lets one version's operator act while both sell, then has the claims of each decided by the version that reads the log,
// then restarts one of them.
func (v *versions) round(n int) {
	v.t.Helper()
	acting := n % 2
	v.shopperCount += 20 // shoppers whom the other version has not made, and who buy there, too
	v.perform(acting, "seed", "/api/users/seed", fmt.Sprintf(`{"userCount":%d}`, sharedLength*v.shopperCount))
	l := v.everybody(v.instances...)
	v.operateAll(acting)
	l.stop()
	for appending := range v.instances {
		v.cross(appending)
	}
	v.restart(n%2, n%4 >= 2)
	v.judge(v.t, v.book)
}

// operateAll does every act on one instance; the other must show what came of it.
func (v *versions) operateAll(acting int) {
	v.t.Helper()
	v.act(acting, "preset", "/api/flash-sale/stock-preset/medium", "")
	v.act(acting, "reset", "/api/flash-sale/reset", `{"resetToSmallStock":false}`)
	v.act(acting, "stock", "/api/flash-sale/update-stock", fmt.Sprintf(`{"stockAmount":%d}`, versionsStock))
	time.Sleep(500 * time.Millisecond) // so that requests are answered in the new generation
	v.act(acting, "pause", "/api/admin/pause", "")
	v.act(acting, "resume", "/api/admin/resume", "")
	v.act(acting, "close", "/api/admin/close", "")
	v.eventually(versionsPatience, "the close record is reached", func() bool { return v.number("SELECT count(*) FROM sales WHERE state = 'closed'") == 1 })
	v.act(acting, "reset", "/api/flash-sale/reset", `{"resetToSmallStock":false}`)
}

// status is what an instance shows of the sale.
type status struct {
	Status               string
	MaxStock, Generation int64
}

func (v *versions) status(i int) (s status) {
	a := v.shoppers.send(context.Background(), http.MethodGet, v.instances[i].url+"/api/flash-sale/status", "")
	_ = json.Unmarshal([]byte(a.Raw), &s)
	return s
}

func sells(s status) bool { return s.Status == "active" || s.Status == "sold-out" }

// perform does an operator's act on one instance.
func (v *versions) perform(acting int, name, path, body string) {
	v.t.Helper()
	a := v.shoppers.send(context.Background(), http.MethodPost, v.instances[acting].url+path, body)
	if a.Status != http.StatusOK {
		v.t.Fatalf("%s answers an operator's %s %s with %s %s", versionName(acting), path, body, a.outcome(), a.Raw)
	}
	v.seen[acting].acts[name]++
}

// act is perform, and waits until both versions show what came of it.
func (v *versions) act(acting int, name, path, body string) {
	v.t.Helper()
	v.perform(acting, name, path, body)
	v.eventually(versionsPatience, "both versions show what came of the operator's "+name, func() bool {
		one, other := v.status(before), v.status(after)
		if one.Generation != other.Generation || one.MaxStock != other.MaxStock {
			return false
		}
		switch name {
		case "pause":
			return one.Status == "paused" && other.Status == "paused"
		case "close":
			return one.Status == "ended" && other.Status == "ended"
		default:
			return sells(one) && sells(other)
		}
	})
}

const fromLog, appended, published = `flashsale_verdicts_total{outcome="ordered",source="log"`, "flashsale_claim_append_seconds_count", "flashsale_outbox_published_total"

// cross sends purchase requests to one instance only. The other one appends nothing meanwhile, so each claim that it decides
// from the log was appended by the first. Which of them reads the sale's partition changes with the restarts.
func (v *versions) cross(appending int) {
	v.t.Helper()
	v.calm()
	deciding := v.instances[1-appending]
	own, decided := v.metric(deciding, appended), v.metric(deciding, fromLog)
	l := v.everybody(v.instances[appending])
	time.Sleep(time.Second)
	l.stop()
	if v.metric(deciding, appended) == own {
		v.seen[1-appending].decided += v.metric(deciding, fromLog) - decided
	}
}

// restart ends one version's instance under load and starts it anew: on the present schema, which the version before
// does not know. Meanwhile the other takes over the log and the outbox, so it publishes what the new process then writes
// there.
func (v *versions) restart(victim int, killed bool) {
	v.t.Helper()
	other := v.instances[1-victim]
	l := v.everybody(v.instances...)
	v.end(victim, killed)
	already := v.metric(other, published)
	v.perform(1-victim, "reset", "/api/flash-sale/reset", `{"resetToSmallStock":false}`) // there is something to sell, and events to publish
	v.eventually(versionsPatience, versionName(1-victim)+" publishes what happened", func() bool { return v.metric(other, published) > already })
	v.instances[victim] = v.start(v.t, victim, v.instances[victim].port, v.environment()...)
	l.stop()
	v.seen[victim].restarts++
	v.report.hits++
	v.calm()
	v.relay(victim)
}

func (v *versions) end(victim int, killed bool) {
	v.t.Helper()
	if killed {
		v.instances[victim].kill()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := v.instances[victim].stop(ctx); err != nil {
		v.t.Errorf("%s ends with %v", versionName(victim), err)
	}
}

// relay has one instance write a bundle, and sees that the other publishes it.
func (v *versions) relay(writing int) {
	v.t.Helper()
	publisher, writer := v.instances[1-writing], v.instances[writing]
	v.allPublished()
	already, own := v.metric(publisher, published), v.metric(writer, published)
	v.act(writing, "stock", "/api/flash-sale/update-stock", fmt.Sprintf(`{"stockAmount":%d}`, v.total()+1))
	v.allPublished()
	if v.metric(writer, published) == own {
		v.seen[1-writing].relayed += v.metric(publisher, published) - already
	}
}

func (v *versions) allPublished() {
	v.t.Helper()
	v.eventually(versionsPatience, "every event is published", func() bool { return v.number("SELECT count(*) FROM outbox WHERE published_at IS NULL") == 0 })
}

// missing says what was not seen yet; empty when everything was.
func (v *versions) missing() string {
	var missing []string
	for i, s := range v.seen {
		for _, name := range []string{"seed", "preset", "reset", "stock", "pause", "resume", "close"} {
			if s.acts[name] == 0 {
				missing = append(missing, "an operator's "+name+" by "+versionName(i))
			}
		}
		if s.decided == 0 {
			missing = append(missing, "a claim of the other decided by "+versionName(i))
		}
		if s.relayed == 0 {
			missing = append(missing, "an event of the other published by "+versionName(i))
		}
		if s.restarts == 0 {
			missing = append(missing, "a restart of "+versionName(i))
		}
	}
	return strings.Join(missing, ", ")
}

// conclude sells what is left and checks every answer, record and event.
func (v *versions) conclude() {
	v.t.Helper()
	v.calm()
	v.verified()
	v.judge(v.t, v.book)
	v.sellRest(v.t)
	v.calm()
	v.verified()
	v.judge(v.t, v.book)
	for i := range v.programs {
		if said, err := v.verifyCommand(i); err != nil {
			v.t.Errorf("verify of %s: %v\n%s", versionName(i), err, said)
		}
	}
	v.understood()
	v.eventsReadable()
	v.outcomes()
	v.outdated()
	for i, s := range v.seen {
		v.report.note("%s: %v acts, %.0f claims and %.0f events of the other, %d restarts", versionName(i), s.acts, s.decided, s.relayed, s.restarts)
	}
	v.report.pressed = v.shoppers.answered.Load()
}

// verifyCommand has one version's command check the invariants.
func (v *versions) verifyCommand(version int) (said string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), versionsPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, v.programs[version], "verify")
	cmd.Dir = v.t.TempDir()
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "DEMO=true", "HOST=127.0.0.1"}, v.environment()...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// outdated checks that this version refuses a schema for which it is too old, in a sentence that says what to do.
func (v *versions) outdated() {
	v.t.Helper()
	newer := v.number("UPDATE oldest_program SET knows = (SELECT max(version_id) + 1 FROM goose_db_version) RETURNING knows")
	said, err := v.verifyCommand(after)
	if err == nil || !strings.Contains(said, fmt.Sprintf("migration %d", newer)) || !strings.Contains(said, "start a newer version") {
		v.t.Errorf("on a schema for which it is too old this version says (%v):\n%s", err, said)
	}
}

// understood ends the test when a version has found something that it cannot read.
func (v *versions) understood() {
	v.t.Helper()
	if n := v.number("SELECT count(*) FROM quarantine"); n != 0 {
		v.t.Errorf("%d records are in quarantine", n)
	}
	for i, p := range v.instances {
		if n := v.metric(p, "flashsale_bus_unread_total"); n != 0 {
			v.t.Errorf("%s passed over %.0f messages of the other", versionName(i), n)
		}
	}
	v.tellMisunderstood(v.t.Errorf)
	if v.t.Failed() {
		v.t.FailNow()
	}
}

// tellMisunderstood logs what each version said about what it cannot read.
func (v *versions) tellMisunderstood(tell func(format string, args ...any)) {
	for i, processes := range v.started {
		for _, p := range processes {
			if lines := p.log.notUnderstood(); len(lines) > 0 {
				tell("%s found what it cannot read; it said so in %d lines, the first:\n%s", versionName(i), len(lines), lines[0])
			}
		}
	}
}

// calm waits until everything is decided. Every server answers in this test, so that does not take long.
func (v *versions) calm() {
	v.t.Helper()
	v.understood()
	v.settled(time.Now(), versionsPatience)
}

// outcomes allows the outcomes that restarts and operators explain, and no others.
func (v *versions) outcomes() {
	v.t.Helper()
	allowed := append(ordinary(), "409 paused", "409 ended", "409 generation-changed", "503 not-bought-retry", "503 overloaded", "reset", "refused")
	v.report.statuses = v.shoppers.tally()
	for outcome, n := range v.report.statuses {
		if !slices.Contains(allowed, outcome) {
			v.t.Errorf("%d answers were %q, which neither a restart nor an operator explains", n, outcome)
		}
	}
	if n := v.shoppers.twice(); n > 0 {
		v.t.Errorf("%d receipts came as 201 twice", n)
	}
}
