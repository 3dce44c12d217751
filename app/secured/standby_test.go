//go:build linux

package secured

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// standby is a copy of the primary that follows it.
func (p *postgres) standby(t *testing.T) *postgres {
	t.Helper()
	s := &postgres{server: &server{name: "standby", dir: folder(t, "standby"), as: p.as}, bin: p.bin, port: freePort(t)}
	s.data, s.at = filepath.Join(s.dir, "data"), local(s.port)
	s.super = fmt.Sprintf("postgres://postgres:super@%s/postgres?sslmode=require", s.at)
	s.mine(t, s.data, true)
	ran(t, s.as, s.data, filepath.Join(s.bin, "pg_basebackup"), "-d", fmt.Sprintf("host=127.0.0.1 port=%d user=postgres password=super sslmode=require", p.port),
		"-D", s.data, "-R", "-X", "stream", "--checkpoint=fast")
	s.run()
	s.start(t)
	p.follows(t, "async")
	return s
}

// follows waits until a standby follows in that mode.
func (p *postgres) follows(t *testing.T, how string) {
	t.Helper()
	eventually(t, 30*time.Second, "the standby follows, "+how, func() bool {
		return number(t, p.super, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = '"+how+"'") == 1
	})
}

// both is the address of two servers, of which the one that takes writes is used.
func both(ca *authority, p, s *postgres) string {
	return fmt.Sprintf("postgres://shop:shop@%s,%s/shop?sslmode=verify-full&sslrootcert=%s&target_session_attrs=read-write", p.at, s.at, ca.file)
}

// pair is a primary with a standby and the roles of README.md, with the schema in place.
func pair(t *testing.T) (ca *authority, primary, standby *postgres) {
	t.Helper()
	ca = newAuthority(t, "shop's authority")
	primary = newPostgres(t, ca.issue(t, "127.0.0.1", valid()))
	primary.roles(t)
	if code, text := printed(t, []string{setting("DATABASE_URL", primary.database("flashsale_owner:owner", ca.file))}, "migrate"); code != 0 {
		t.Fatalf("migrate: exit %d\n%s", code, text)
	}
	return ca, primary, primary.standby(t)
}

// A PostgreSQL with a synchronous standby: the primary is killed in the middle of a sale and the standby promoted two seconds later. The
// product has both in DATABASE_URL. Presses go on, exactly the stock is sold, and no receipt is lost.
func TestSynchronousStandbyPromotedInTheMiddleOfASale(t *testing.T) {
	wanted(t)
	ca, primary, standby := pair(t)
	do(t, primary.super, `ALTER SYSTEM SET synchronous_standby_names = '*'`, `SELECT pg_reload_conf()`)
	primary.follows(t, "sync")
	env := []string{setting("DATABASE_URL", both(ca, primary, standby)), setting("REDIS_URL", plainRedis(t)), setting("KAFKA_BROKERS", plainKafka(t))}
	first, second := serve(t, env...), serve(t, env...)
	d := begin(t, 300, first.url, second.url)
	d.press(40)
	d.bought(80, 30*time.Second)
	killed, before := time.Now(), d.sold()
	primary.stop(syscall.SIGKILL)
	time.Sleep(2 * time.Second)
	do(t, standby.super, `SELECT pg_promote()`)
	d.end()
	d.figures("PostgreSQL primary killed, its synchronous standby promoted after 2 s", killed, before)
	verified(t, env)
}

// A PostgreSQL with an asynchronous standby and a product without the direct path: the standby falls behind, the primary is killed in
// the middle of a sale, and the standby, which lacks the last orders, is promoted under presses. All of those come back from the log,
// with their numbers, and no claim was decided without it.
func TestAsynchronousStandbyPromotedWithoutTheDirectPath(t *testing.T) {
	wanted(t)
	ca, primary, standby := pair(t)
	env := []string{setting("DATABASE_URL", both(ca, primary, standby)), setting("REDIS_URL", plainRedis(t)), setting("KAFKA_BROKERS", plainKafka(t)), "DIRECT_PATH=false"}
	first, second := serve(t, env...), serve(t, env...)
	d := begin(t, 300, first.url, second.url)
	d.press(40)
	d.bought(60, 30*time.Second)
	do(t, standby.super, `ALTER SYSTEM SET primary_conninfo = ''`, `SELECT pg_reload_conf()`)
	d.bought(d.sold()+60, 30*time.Second)
	killed, before := time.Now(), d.sold()
	primary.stop(syscall.SIGKILL)
	time.Sleep(2 * time.Second)
	kept := int(number(t, standby.database("postgres:super", ""), `SELECT count(*) FROM flashsale.orders WHERE released_at IS NULL`))
	if kept > before-40 {
		t.Fatalf("the standby has %d of %d orders: nothing was lost", kept, before)
	}
	do(t, standby.super, `SELECT pg_promote()`)
	d.end()
	d.figures(fmt.Sprintf("PostgreSQL primary killed, an asynchronous standby with %d of its orders promoted after 2 s, DIRECT_PATH=false", kept), killed, before)
	verified(t, env)
	log, direct := 0.0, 0.0
	for _, i := range []*instance{first, second} {
		log += i.metric(t, `flashsale_verdicts_total{outcome="ordered",source="log"}`)
		direct += i.metric(t, `flashsale_verdicts_total{outcome="ordered",source="direct"}`)
	}
	if log < 300 || direct != 0 {
		t.Errorf("%v orders were decided by the log and %v directly", log, direct)
	}
}
