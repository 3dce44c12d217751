package instance

import (
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Whoever has many addresses, behind a proxy that tells them, has no more attempts than the networks that they lie in.
func TestAttemptsFromManyAddresses(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.Config.Demo, d.Config.MailDev = false, true
	d.Config.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	a := d.start(t)
	t.Run("200 addresses of a /64", func(t *testing.T) {
		countedTogether(t, a, func(round int) string {
			return checkSpread(t, a, round, fmt.Sprintf("2001:db8:%x:1::%%x", 0x100+round), 200, 120, 30)
		})
	})
	t.Run("300 /64 of a /48", func(t *testing.T) {
		countedTogether(t, a, func(round int) string {
			return checkSpread(t, a, round, fmt.Sprintf("2001:db8:%x:%%x::1", 0x200+round), 300, 240, 60)
		})
	})
	t.Run("a stranger asks for the same account", func(t *testing.T) { checkSilencing(t, a) })
	t.Run("a code tried 2,000 times from 200 networks", func(t *testing.T) {
		countedTogether(t, a, func(round int) string { return checkSpreadGuesses(t, a, round) })
	})
}

// countedTogether judges a check in which Redis has counted every attempt. On a busy machine a process may count some of them by itself,
// and then it is made again, from elsewhere.
func countedTogether(t *testing.T, a *Instance, check func(round int) (wrong string)) {
	t.Helper()
	for round := range 6 {
		before := metric(t, a, "flashsale_limits_local_total")
		wrong := check(round)
		if alone := metric(t, a, "flashsale_limits_local_total") - before; alone > 0 {
			t.Logf("%.0f attempts were not counted in Redis", alone)
			time.Sleep(time.Second) // until the breaker lets questions through again
			continue
		}
		if wrong != "" {
			t.Error(wrong)
		}
		return
	}
	t.Skip("Redis was too slow each time to count every attempt")
}

// checkSpread asks for codes of as many names as there are addresses, and counts those that were taken: a burst, and what comes back
// each minute meanwhile.
func checkSpread(t *testing.T, a *Instance, round int, address string, addresses, burst, perMinute int) (wrong string) {
	t.Helper()
	began, taken := time.Now(), 0
	for n := range addresses {
		v := behindProxy(t, a.URL(), fmt.Sprintf(address, n+1))
		switch r := v.post("/sign-in/code", form{"name": fmt.Sprintf("nobody_%d_%d_%d", burst, round, n)}); r.Status {
		case http.StatusAccepted:
			taken++
		case http.StatusTooManyRequests:
		default:
			t.Fatalf("%d: %d %s", n, r.Status, r.Raw)
		}
	}
	if most := burst + 2 + int(time.Since(began).Minutes()*float64(perMinute)); taken < burst || taken > most {
		return fmt.Sprintf("%d of %d were taken, want %d to %d", taken, addresses, burst, most)
	}
	outside := behindProxy(t, a.URL(), "2001:db8:ffff::1")
	if r := outside.post("/sign-in/code", form{"name": fmt.Sprintf("nobody_%d_%d", burst, round)}); r.Status != http.StatusAccepted {
		return fmt.Sprintf("from elsewhere: %d %s", r.Status, r.Raw)
	}
	return ""
}

// A stranger asks for a code of somebody who asks at the same time. Both mails come, and the owner's code works in the owner's browser.
func checkSilencing(t *testing.T, a *Instance) {
	if !behindProxy(t, a.URL(), "198.51.100.1").signUpByCode(a, "calm@example.com", form{"username": "calm"}) {
		return
	}
	_, before := a.mailTo(t, "calm@example.com")
	stranger := behindProxy(t, a.URL(), "203.0.113.1")
	stranger.post("/sign-in/code", form{"name": "calm"})
	link := before
	eventually(t, "the stranger's mail", func() bool { _, link = a.mailTo(t, "calm@example.com"); return link != before })
	before = link
	owner := behindProxy(t, a.URL(), "198.51.100.2")
	owner.post("/sign-in/code", form{"name": "calm"})
	var code string
	eventually(t, "the owner's mail", func() bool { code, link = a.mailTo(t, "calm@example.com"); return link != before })
	stranger.post("/sign-in/code/verify", form{"code": code}).Is(t, http.StatusUnauthorized, "wrong-code")
	if r := owner.post("/sign-in/code/verify", form{"code": code}); r.Text("username") != "calm" {
		t.Errorf("the owner's code: %d %s", r.Status, r.Raw)
	}
}

// The cookie of the browser that has asked goes to 200 networks, which try what they like. After the few tries of a code the right one
// does not work either, and most tries do not reach the ledger.
func checkSpreadGuesses(t *testing.T, a *Instance, round int) (wrong string) {
	t.Helper()
	const networks, tries = 200, 10
	address := fmt.Sprintf("spread%d@example.com", round)
	asked := behindProxy(t, a.URL(), fmt.Sprintf("198.51.100.%d", 9+round))
	asked.post("/sign-in/code", form{"name": address})
	right, _ := a.mailTo(t, address)
	for n := range 5 {
		if r := asked.post("/sign-in/code/verify", form{"code": wrongOf(right, n)}); r.Status == http.StatusOK {
			t.Fatalf("try %d: %s", n, r.Raw)
		}
	}
	var looked, passed atomic.Int64
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for n := worker; n < networks; n += 4 {
				v := behindProxy(t, a.URL(), fmt.Sprintf("198.18.%d.%d", round, n))
				for try := range tries {
					maps.Copy(v.cookies, asked.cookies)
					code := right
					if try%2 == 1 {
						code = wrongOf(right, n*tries+try)
					}
					switch r := v.post("/sign-in/code/verify", form{"code": code}); r.Status {
					case http.StatusOK:
						passed.Add(1)
					case http.StatusTooManyRequests:
					default:
						looked.Add(1)
					}
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d of %d tries were looked at", looked.Load(), networks*tries)
	if passed.Load() > 0 || looked.Load() > 300 {
		return fmt.Sprintf("%d passed, %d of %d were looked at", passed.Load(), looked.Load(), networks*tries)
	}
	return ""
}

// wrongOf is one of the codes that are not the right one.
func wrongOf(right string, n int) string {
	code := fmt.Sprintf("%06d", n%1_000_000)
	if code == right {
		return "999999"
	}
	return code
}
