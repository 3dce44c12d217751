//go:build linux

package secured

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// slotCount is how many slots a master has in what `redis-cli --cluster check` prints of it.
var slotCount = regexp.MustCompile(`\((\d+) slots\) master`)

func reshardWanted(t *testing.T) {
	t.Helper()
	if os.Getenv("FLASHSALE_TEST_RESHARD") != "1" {
		t.Skip("slots are moved in a sale where that is asked for: FLASHSALE_TEST_RESHARD=1")
	}
}

// onSixNodes is two instances on a Redis Cluster, and a sale of that many units under way.
func onSixNodes(t *testing.T, stock int) (c *sixNodes, env []string, instances []*instance, d *drop) {
	t.Helper()
	c = newSixNodes(t)
	env = []string{setting("DATABASE_URL", plainPostgres(t)), setting("KAFKA_BROKERS", plainKafka(t)), setting("REDIS_URL", "redis://"+local(c.ports[0])+","+local(c.ports[1])+","+local(c.ports[5]))}
	instances = []*instance{serve(t, env...), serve(t, env...)}
	d = begin(t, stock, instances[0].url, instances[1].url)
	d.press(40)
	d.bought(60, 60*time.Second)
	return c, env, instances, d
}

// All slots of the master that has the sale are moved to another one in the middle of that sale, by the command that README.md gives.
// It takes long, so it runs where it is asked for: FLASHSALE_TEST_RESHARD=1. FLASHSALE_TEST_RESHARD_PIPELINE=1 moves the keys of a
// slot one by one, so that a script can meet one of its two keys on each node.
func TestReshardingARedisClusterInASale(t *testing.T) {
	reshardWanted(t)
	c, env, instances, d := onSixNodes(t, 1200)
	from, slot := c.holder()
	to := c.otherMaster(from)
	count := c.slotsOf(from)
	move := []string{c.cli, "--cluster", "reshard", local(c.ports[0]), "--cluster-from", c.id(from), "--cluster-to", c.id(to),
		"--cluster-slots", count, "--cluster-pipeline", cmp.Or(os.Getenv("FLASHSALE_TEST_RESHARD_PIPELINE"), "10"), "--cluster-yes"}
	t.Logf("slot %s is the sale's; %s", slot, strings.Join(move[1:], " "))
	began, before := time.Now(), d.sold()
	var passed time.Duration // until the sale's keys were on their new node
	moved := make(chan error, 1)
	said := reshard(t, c.nodes[0].dir, move, moved)
	for done := false; !done; {
		select {
		case err := <-moved:
			if err != nil {
				t.Fatalf("the command ends with %v\n%.4000s", err, said)
			}
			done = true
		case <-time.After(20 * time.Millisecond):
			if passed == 0 && c.keysIn(to, slot) == "2" {
				passed = time.Since(began)
			}
		}
	}
	took, sold := time.Since(began), d.sold()
	if now, _ := c.holder(); now != to {
		t.Errorf("the sale is on node %d, want %d", now, to)
	}
	if sold == d.stock {
		t.Error("all was sold before the slots were moved; the test proves nothing")
	}
	d.end()
	d.figures(fmt.Sprintf("all %s slots of a node moved in %s, the sale's after %s, %d units sold meanwhile", count, milliseconds(took), milliseconds(passed), sold-before), began, before)
	oneOutage(t, instances)
	verified(t, env)
}

// A slot stays half moved for some seconds, as after a command that was broken off: one of the sale's two keys is on each node. That is
// one outage, and `redis-cli --cluster fix` ends it.
func TestASlotThatIsHalfMoved(t *testing.T) {
	reshardWanted(t)
	c, env, instances, d := onSixNodes(t, 500)
	from, slot := c.holder()
	to := c.otherMaster(from)
	began, before := time.Now(), d.sold()
	c.ask(c.ports[to], "cluster", "setslot", slot, "importing", c.id(from))
	c.ask(c.ports[from], "cluster", "setslot", slot, "migrating", c.id(to))
	keys := strings.Fields(c.ask(c.ports[from], "cluster", "getkeysinslot", slot, "10"))
	if said := c.ask(c.ports[from], "migrate", "127.0.0.1", strconv.Itoa(c.ports[to]), "", "0", "5000", "keys", keys[0]); !strings.HasPrefix(said, "OK") {
		t.Fatalf("the key %s is not moved: %s", keys[0], said)
	}
	time.Sleep(5 * time.Second)
	half, sold := time.Since(began), d.sold()
	t.Logf("%s", ran(t, nil, c.nodes[0].dir, c.cli, "--cluster", "fix", local(c.ports[0])))
	d.end()
	d.figures(fmt.Sprintf("the sale's slot half moved for %s, %d units sold meanwhile", milliseconds(half), sold-before), began, before)
	oneOutage(t, instances)
	verified(t, env)
	if one, other := c.keysIn(from, slot), c.keysIn(to, slot); one != "0" && other != "0" {
		t.Errorf("%s keys of the slot are on one node and %s on the other", one, other)
	}
}

// oneOutage fails the test when the instances warn of more than one outage of the sale's places. Moving a slot need not be one; on a
// busy machine it can be.
func oneOutage(t *testing.T, instances []*instance) {
	t.Helper()
	for i, one := range instances {
		warnings := 0
		for line := range strings.Lines(one.log.String()) {
			if !strings.Contains(line, `"level":"INFO"`) {
				t.Logf("instance %d said: %.300s", i, line)
				warnings++
			}
		}
		if warnings > 5 {
			t.Errorf("instance %d warns %d times", i, warnings)
		}
	}
}

// otherMaster is a master that does not have the sale.
func (c *sixNodes) otherMaster(holder int) int {
	c.t.Helper()
	for i := range c.ports {
		if i != holder && c.master(i) {
			return i
		}
	}
	c.t.Fatal("there is no other master")
	return 0
}

// keysIn is how many keys a node has in a slot.
func (c *sixNodes) keysIn(i int, slot string) string {
	c.t.Helper()
	return strings.TrimSpace(c.ask(c.ports[i], "cluster", "countkeysinslot", slot))
}

// id is the name of a node in the cluster.
func (c *sixNodes) id(i int) string { return strings.TrimSpace(c.ask(c.ports[i], "cluster", "myid")) }

// slotsOf is how many slots a master has.
func (c *sixNodes) slotsOf(i int) string {
	c.t.Helper()
	for block := range strings.SplitSeq(ran(c.t, nil, c.nodes[0].dir, c.cli, "--cluster", "check", local(c.ports[i])), "M: ") {
		if strings.HasPrefix(block, c.id(i)) {
			if found := slotCount.FindStringSubmatch(block); found != nil {
				return found[1]
			}
		}
	}
	c.t.Fatalf("node %d has no slots", i)
	return ""
}

// reshard runs the command, whose end it tells.
func reshard(t *testing.T, dir string, args []string, ended chan<- error) *bytes.Buffer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	cmd, said := exec.CommandContext(ctx, args[0], args[1:]...), &bytes.Buffer{}
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		defer cancel()
		ended <- cmd.Wait()
	}()
	t.Cleanup(func() { cancel(); <-gone })
	return said
}
