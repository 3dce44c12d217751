package limits

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/rueidis"

	"flashsale/app/embedded/embeddedtest"
)

// newLimits are the limits of one process, on the tests' Redis.
func newLimits(t testing.TB, namespace string) *Limits {
	t.Helper()
	l := New(embeddedtest.Redis(t), Config{Namespace: namespace})
	l.within = 10 * time.Second // a busy machine counts in Redis, too
	return l
}

// passes is how many of n attempts pass.
func passes(t testing.TB, l *Limits, n int, policy Policy, keys ...string) int {
	t.Helper()
	ok := 0
	for range n {
		if l.Take(testContext(t), policy, keys...).OK {
			ok++
		}
	}
	if local := testutil.ToFloat64(l.byLocal); local != 0 {
		t.Fatalf("%v attempts were counted locally", local)
	}
	return ok
}

func TestThreeProcessesLetExactlyTheBudgetPass(t *testing.T) {
	t.Parallel()
	namespace := embeddedtest.Namespace(t)
	var passed atomic.Int64
	var wg sync.WaitGroup
	for range 3 {
		l := newLimits(t, namespace)
		for range 2 {
			wg.Go(func() {
				for range 8 {
					if l.Take(testContext(t), SignIn, AccountKey(7), NetworkKey("192.0.2.7")).OK {
						passed.Add(1)
					}
				}
				if n := testutil.ToFloat64(l.byLocal); n != 0 {
					t.Errorf("%v attempts were counted locally", n)
				}
			})
		}
	}
	wg.Wait()
	if n := passed.Load(); n != 10 {
		t.Errorf("of 48 attempts at three processes %d pass, the budget is 10", n)
	}
}

func TestAnAttemptComesBackAfterTheWait(t *testing.T) {
	t.Parallel()
	l := newLimits(t, embeddedtest.Namespace(t))
	l.rows["test"] = []Budget{{ByAccount, Rate{Limit: 10, Window: 2 * time.Second, Burst: 2}}}
	first, second := l.Take(testContext(t), "test", AccountKey(1)), l.Take(testContext(t), "test", AccountKey(1))
	if !first.OK || !second.OK || first.Remaining != 1 || second.Remaining != 0 || first.Limit != 2 || first.Window != 400*time.Millisecond {
		t.Fatalf("%+v, %+v", first, second)
	}
	third := l.Take(testContext(t), "test", AccountKey(1))
	if third.OK || third.Wait <= 0 || third.Wait > 200*time.Millisecond {
		t.Fatalf("%+v", third)
	}
	time.Sleep(third.Wait)
	if v := l.Take(testContext(t), "test", AccountKey(1)); !v.OK {
		t.Errorf("after the wait: %+v", v)
	}
}

// An account that is refused uses up nothing of its network's budget, and the other way round.
func TestAnAttemptIsTakenFromAllBudgetsOrFromNone(t *testing.T) {
	t.Parallel()
	l := newLimits(t, embeddedtest.Namespace(t))
	l.rows["test"] = []Budget{{ByAccountNetwork, Rate{1, time.Hour, 2}}, {ByNetwork, Rate{1, time.Hour, 5}}}
	at := NetworkKey("192.0.2.7")
	if n := passes(t, l, 20, "test", AccountKey(1), at); n != 2 {
		t.Errorf("%d attempts at one account pass", n)
	}
	if v := l.Take(testContext(t), "test", AccountKey(1), at); v.OK || v.Limit != 2 {
		t.Errorf("the budget that refuses is not named: %+v", v)
	}
	if n := passes(t, l, 20, "test", AccountKey(2), at) + passes(t, l, 20, "test", AccountKey(3), at); n != 3 {
		t.Errorf("%d attempts at other accounts pass, 3 were left", n)
	}
}

func TestASchoolBehindOneAddressSignsIn(t *testing.T) {
	t.Parallel()
	l := newLimits(t, embeddedtest.Namespace(t))
	for account := range int64(40) {
		if n := passes(t, l, 2, SignIn, AccountKey(account+1), NetworkKey("192.0.2.7:4000")); n != 2 {
			t.Fatalf("shopper %d of 40: %d of 2 attempts pass", account, n)
		}
	}
}

// Somebody tries passwords of one account from many networks.
func TestAStrangerLocksNobodyOut(t *testing.T) {
	t.Parallel()
	l := newLimits(t, embeddedtest.Namespace(t))
	home := "203.0.113.9:5000"
	l.Remember(testContext(t), 7, home)
	l.rows["test"] = []Budget{{ByAccountNetwork, Rate{1, time.Hour, 3}}, {ByStrangers, Rate{1, time.Hour, 20}}}
	tried := 0
	for i := range 20 {
		tried += passes(t, l, 4, "test", AccountKey(7), NetworkKey(fmt.Sprintf("198.51.100.%d", i)))
	}
	if tried != 20 {
		t.Errorf("a stranger with 20 networks has %d attempts, the budget is 20", tried)
	}
	if n := passes(t, l, 4, "test", AccountKey(7), NetworkKey(home)); n != 3 {
		t.Errorf("at home the owner has %d attempts meanwhile", n)
	}
	if v := l.Take(testContext(t), "test", AccountKey(7), NetworkKey("203.0.113.10")); v.OK {
		t.Error("a network where the owner never was is not one of the strangers'")
	}
}

// Names that nobody has count like accounts, and share nothing with each other but the network.
func TestAnUnknownNameCounts(t *testing.T) {
	t.Parallel()
	l := newLimits(t, embeddedtest.Namespace(t))
	at := NetworkKey("192.0.2.7")
	if n := passes(t, l, 20, SignIn, NameKey("nobody"), at); n != 10 {
		t.Errorf("%d attempts at a name that nobody has pass", n)
	}
	l.rows["test"] = []Budget{{ByAccountNetwork, Rate{1, time.Hour, 3}}, {ByNetwork, Rate{1, time.Hour, 12}}}
	names := 0
	for i := range 20 {
		names += passes(t, l, 1, "test", NameKey(fmt.Sprintf("nobody%d", i)), at)
	}
	if names != 12 {
		t.Errorf("one network tries %d names", names)
	}
}

func TestAddressesOfOneSite(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from func(i int) string
		want int
	}{
		"addresses of one /64": {func(i int) string { return fmt.Sprintf("[2001:db8:1:1::%x]:80", i+1) }, 10},
		"200 /64s of one /48":  {func(i int) string { return fmt.Sprintf("2001:db8:2:%x::1", i%200) }, 30},
		"sites":                {func(i int) string { return fmt.Sprintf("2001:db8:%x::1", i%4+16) }, 40},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLimits(t, embeddedtest.Namespace(t))
			n := 0
			for i := range 100 {
				n += passes(t, l, 1, SignIn, AccountKey(7), NetworkKey(c.from(i)))
			}
			if n != c.want {
				t.Errorf("%d of 100 attempts pass, want %d", n, c.want)
			}
		})
	}
}

func TestKeysHaveNoTextOfUsersAndExpire(t *testing.T) {
	t.Parallel()
	namespace := embeddedtest.Namespace(t)
	l, client := newLimits(t, namespace), embeddedtest.Redis(t)
	l.Take(testContext(t), SignIn, NameKey("anna@example.com"), NetworkKey("192.0.2.7"))
	l.Take(testContext(t), SecondFactor, AccountKey(4711), NetworkKey("2001:db8::7"))
	l.Remember(testContext(t), 4711, "192.0.2.7")
	keys, err := client.Do(t.Context(), client.B().Keys().Pattern(namespace+"*").Build()).AsStrSlice()
	if err != nil || len(keys) != 3+4+1 {
		t.Fatalf("%v (%v)", keys, err)
	}
	for _, k := range keys {
		if strings.Contains(k, "anna") || strings.Contains(k, "192.0") || strings.Contains(k, "4711") || !strings.HasPrefix(k, namespace+":{limits}:") {
			t.Errorf("a key is %q", k)
		}
		left, err := client.Do(t.Context(), client.B().Pttl().Key(k).Build()).AsInt64()
		if err != nil || left <= 0 || left > rememberedFor.Milliseconds() {
			t.Errorf("%s expires in %d ms (%v)", k, left, err)
		}
	}
}

// Somebody has written nonsense into Redis: nobody waits longer for it than for a spent budget, and a key of another type is left to
// the local limit.
func TestValuesThatNobodyHasWritten(t *testing.T) {
	t.Parallel()
	l, client := newLimits(t, embeddedtest.Namespace(t)), embeddedtest.Redis(t)
	l.rows["test"] = []Budget{{ByAccount, Rate{1, time.Minute, 3}}}
	key := l.asks("test", asker{account: AccountKey(1)})[0].key
	for value, ok := range map[string]bool{"nonsense": true, "": true, "-5": true, "9999999999999999": false} {
		if err := client.Do(t.Context(), client.B().Set().Key(key).Value(value).Build()).Error(); err != nil {
			t.Fatal(err)
		}
		if v := l.Take(testContext(t), "test", AccountKey(1)); v.OK != ok || v.Wait > time.Minute {
			t.Errorf("%q: %+v", value, v)
		}
	}
	if n := testutil.ToFloat64(l.byLocal); n != 0 {
		t.Errorf("%v counted locally", n)
	}
	for _, cmd := range []rueidis.Completed{client.B().Del().Key(key).Build(), client.B().Hset().Key(key).FieldValue().FieldValue("a", "b").Build()} {
		if err := client.Do(t.Context(), cmd).Error(); err != nil {
			t.Fatal(err)
		}
	}
	if v := l.Take(testContext(t), "test", AccountKey(1)); !v.OK || testutil.ToFloat64(l.byLocal) != 1 || !l.breaker.IsClosed() {
		t.Errorf("with a key of another type: %+v", v)
	}
}

func TestWithoutRedisEachProcessCountsItsShare(t *testing.T) {
	t.Parallel()
	client := closedClient(t)
	reg := prometheus.NewRegistry()
	l := New(client, Config{Namespace: "x", Live: func() int { return 2 }, Registerer: reg})
	began, ok := time.Now(), 0
	for range 100 {
		if l.Take(testContext(t), SignIn, AccountKey(7), NetworkKey("192.0.2.7")).OK {
			ok++
		}
	}
	if ok != 5 {
		t.Errorf("one of two processes lets %d attempts of 10 pass", ok)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("100 attempts take %v while Redis is away", took)
	}
	if err := testutil.GatherAndCompare(reg, strings.NewReader(`# HELP flashsale_limits_local_total Attempts that this process counted by itself, because Redis did not answer.
# TYPE flashsale_limits_local_total counter
flashsale_limits_local_total 100
`), "flashsale_limits_local_total"); err != nil {
		t.Error(err)
	}
	if v := l.Take(testContext(t), SignIn, AccountKey(8), NetworkKey("192.0.2.7")); !v.OK {
		t.Errorf("another account: %+v; what was refused counts for the network", v)
	}
	l.Remember(testContext(t), 7, "192.0.2.7") // does nothing, and does not hang
}

// closedClient is a client whose server does not answer any more.
func closedClient(t testing.TB) rueidis.Client {
	t.Helper()
	option, err := rueidis.ParseURL(embeddedtest.RedisURL(t))
	if err != nil {
		t.Fatal(err)
	}
	option.ForceSingleClient = true
	client, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	return client
}

func TestWithoutAClientEachProcessCountsByItself(t *testing.T) {
	t.Parallel()
	l := New(nil, Config{Namespace: "x"})
	ok := 0
	for range 20 {
		if l.Take(testContext(t), SecondFactor, AccountKey(7), NetworkKey("192.0.2.7")).OK {
			ok++
		}
	}
	if ok != 5 {
		t.Errorf("%d pass", ok)
	}
	if !l.Take(testContext(t), Purchase, AccountKey(7)).OK || !l.Take(testContext(t), SignIn).OK {
		t.Error("an attempt without a budget is refused")
	}
}
